import Box from '@cloudscape-design/components/box';
import ProgressBar from '@cloudscape-design/components/progress-bar';
import SpaceBetween from '@cloudscape-design/components/space-between';
import type { Schemas } from '../api/client';
import { entityName, moment, number } from './words';

/** What the provider was asked for; nothing where that was everything, and nothing less was wanted. */
const askedFor = ({ kind, schools, since, why }: Schemas['Asked']) => {
  if (kind === 'schools')
    return `Fetching only ${number(schools)} selected ${schools === 1 ? 'school' : 'schools'}: classes, students, teachers and enrollments.`;
  if (kind === 'changes') return `Fetching only what has changed since ${moment(since ?? '')}.`;
  return why && `Fetching everything, because ${why}.`;
};

/** How far each list of a provider's API is read, in pages. Nothing where no list is read. */
export function Fetching({ sync }: { sync: Schemas['Sync'] }) {
  const whole = sync.progress.some(each => each.step === 'fetch' && each.endedAt);
  const lists = Object.entries(sync.fetching);
  if (!lists.length) return null;
  const asked = sync.asked && askedFor(sync.asked);
  const pageSize = sync.asked?.pageSize;
  return (
    <SpaceBetween size="xs">
      {asked && <Box color="text-body-secondary">{asked}</Box>}
      {!!pageSize && <Box color="text-body-secondary">{`Fetching ${number(pageSize)} records a page, since the provider takes no more.`}</Box>}
      {lists.map(([entity, { done, total }]) => {
        const read = whole || (total != null && done >= total);
        return (
          <ProgressBar key={entity} label={entityName(entity)} status={read ? 'success' : 'in-progress'} resultText={`All ${number(done)} pages`}
            value={total ? (100 * done) / total : 0}
            additionalInfo={read ? undefined : total == null ? `${number(done)} pages; the provider doesn’t say how many there are` : `${number(done)} of ${number(total)} pages`} />
        );
      })}
    </SpaceBetween>
  );
}
