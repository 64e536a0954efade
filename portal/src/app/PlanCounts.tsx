import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import type { Schemas } from '../api/client';
import { capital, entityName, number } from './words';

const ENTITIES = ['users', 'classes', 'orgs', 'enrollments', 'courses', 'academicSessions'] as const;
const ACTIONS = ['created', 'updated', 'deactivated', 'ended', 'unchanged'] as const;

export function PlanCounts({ plan }: { plan: Schemas['Plan'] }) {
  return (
    <Container header={<Header variant="h2">Changes in numbers</Header>}>
      <div className="scrolls" role="region" aria-label="Changes in numbers" tabIndex={0}>
        <table className="matrix">
          <thead><tr><th scope="col">Of</th>{ACTIONS.map(action => <th scope="col" key={action}>{capital(action)}</th>)}</tr></thead>
          <tbody>
            {ENTITIES.map(entity => (
              <tr key={entity}><th scope="row">{entityName(entity)}</th>{ACTIONS.map(action => <td key={action}>{number(plan.counts[entity]?.[action] ?? 0)}</td>)}</tr>
            ))}
          </tbody>
        </table>
      </div>
    </Container>
  );
}
