import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import Link from '@cloudscape-design/components/link';
import Pagination from '@cloudscape-design/components/pagination';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { data, useApi, type Schemas } from '../../api/client';
import type { paths } from '../../api/schema';
import { readable } from '../../api/plain';
import { ShowContacts, useContacts } from '../../app/contacts';
import { Problem } from '../../app/Problem';
import { entityName, fieldName, number } from '../../app/words';
import { sidesOf, type Look } from './look';

const SHOWN = 20;
const PAGE = 10;
/** Each after “Held: ”, or “Was held: ” once somebody has decided. */
const HEADERS: Record<NonNullable<Schemas['Breach']['kind']>, string> = {
  removals: 'more removals than this group’s safety limit allows',
  drain: 'several syncs together remove more than this group’s safety limit allows',
  empty: 'a file has no rows',
  renumbered: 'ids seem to have been renumbered',
  undone: 'changes that were undone would be made again',
  ambiguous: 'some people match more than one record',
  spared: 'what was kept by “Approve without removals” would be removed now',
  rights: 'people would get staff access',
  recycled: 'someone would get another person’s account',
  doubles: 'people, classes or enrollments would exist twice',
  newcomers: 'a school would more than double',
  enabled: 'many inactive people would become active again',
  guardians: 'students would get guardians they don’t have now',
  replaced: 'people would become someone else',
  identity: 'names, usernames, e-mails or identifiers would change for many',
  damaged: 'ids look damaged',
  view: 'schools or districts are missing or have changed',
  errors: 'many rows could not be read',
  disabled: 'many people would become inactive',
  roles: 'many people would lose a role',
  moved: 'many people would move to another school',
  relations: 'guardians or primary teachers would be lost',
  memberships: 'many enrollments would move or end',
  grades: 'grades would change in an unusual way',
  emptied: 'a field would become empty for many',
  classes: 'classes would become others',
  sessions: 'academic sessions would move to other dates',
};
type Kind = keyof typeof HEADERS;
type Listed = NonNullable<NonNullable<paths['/syncs/{syncId}/plan/changes']['get']['parameters']['query']>['kind']>;
const WITHOUT_ROWS: Kind[] = ['removals', 'empty', 'renumbered', 'undone', 'ambiguous', 'spared', 'errors'];
const hasRows = (kind: Kind): kind is Kind & Listed => !WITHOUT_ROWS.includes(kind);

/** Why a plan is held, in sentences that open their rows. */
export function Held({ syncId, plan, over, onLook }: { syncId: string; plan: Schemas['Plan']; over: boolean; onLook: (next: Partial<Look>) => void }) {
  const kinds = (Object.keys(HEADERS) as Kind[]).filter(kind => plan.breaches.some(breach => breach.kind === kind));
  const rows = (breach: Schemas['Breach']) => onLook({
    entity: breach.entity, action: breach.entity === 'enrollments' ? 'end' : 'deactivate', school: breach.school, reason: '', search: '',
  });
  return (
    <SpaceBetween size="s">
      {kinds.map(kind => {
        const said = plan.breaches.filter((breach, place, all) => breach.kind === kind && all.findIndex(each => each.message === breach.message) === place);
        return (
          <Alert key={kind} type={over ? 'info' : 'warning'} header={`${over ? 'Was held' : 'Held'}: ${HEADERS[kind]}`}>
            <ul>{said.slice(0, SHOWN).map(breach => <li key={breach.message}>{readable(breach.message)}{' '}
              {kind === 'removals' && <Link ariaLabel={`Show the rows: ${breach.message}`} onFollow={() => rows(breach)}>Show the rows</Link>}</li>)}</ul>
            {said.length > SHOWN && <Box>{number(said.length - SHOWN)} more are in the list of schools below.</Box>}
            {kind === 'renumbered' && <ExpandableSection headerText="Old and new ids"><Pairs syncId={syncId} /></ExpandableSection>}
            {hasRows(kind) && <ExpandableSection headerText="Affected records"><Concerned syncId={syncId} kind={kind} /></ExpandableSection>}
          </Alert>
        );
      })}
    </SpaceBetween>
  );
}

function Concerned({ syncId, kind }: { syncId: string; kind: Listed }) {
  const api = useApi();
  const [place, setPlace] = useState(1);
  const contacts = useContacts();
  const { data: page, error, isPending, refetch } = useQuery({
    queryKey: ['concerned', syncId, kind, place, contacts.show],
    queryFn: () => data(api.GET('/syncs/{syncId}/plan/changes', { params: { path: { syncId }, query: { kind, limit: PAGE, page: place, ...contacts.show } } })),
    placeholderData: keepPreviousData,
  });
  if (error && !page) return <Problem error={error} onRetry={() => void refetch()} />;
  const total = page?.total ?? 0;
  const side = (row: Schemas['Change'], which: 0 | 1) => row.fields.map(name => `${fieldName(name)}: ${sidesOf(row, name)[which]}`).join('; ');
  return (
    <Table variant="embedded" items={page?.items ?? []} loading={isPending} loadingText="Loading rows" wrapLines
      footer={contacts.hidden && <ShowContacts contacts={contacts} of={page?.items.map(row => [side(row, 0), side(row, 1)])} />}
      pagination={total > PAGE && <Pagination currentPageIndex={place} pagesCount={Math.ceil(total / PAGE)} onChange={({ detail }) => setPlace(detail.currentPageIndex)}
        ariaLabels={{ nextPageLabel: 'Next rows', previousPageLabel: 'Previous rows', pageLabel: n => `Rows, page ${n}` }} />}
      columnDefinitions={[
        { id: 'name', header: 'Name', isRowHeader: true, cell: row => row.name },
        { id: 'of', header: 'Record type', cell: row => entityName(row.entity) },
        { id: 'id', header: 'sourcedId', cell: row => row.sourcedId },
        { id: 'before', header: 'Before', cell: row => side(row, 0) },
        { id: 'after', header: 'After', cell: row => side(row, 1) },
      ]}
      empty={<Box textAlign="center">No rows.</Box>} />
  );
}

function Pairs({ syncId }: { syncId: string }) {
  const api = useApi();
  const [place, setPlace] = useState(1);
  const { data: page, error, isPending, refetch } = useQuery({
    queryKey: ['renumbered', syncId, place],
    queryFn: () => data(api.GET('/syncs/{syncId}/plan/renumbered', { params: { path: { syncId }, query: { limit: PAGE, page: place } } })),
    placeholderData: keepPreviousData,
  });
  if (error && !page) return <Problem error={error} onRetry={() => void refetch()} />;
  const total = page?.total ?? 0;
  return (
    <Table variant="embedded" items={page?.items ?? []} loading={isPending} loadingText="Loading pairs" wrapLines
      pagination={total > PAGE && <Pagination currentPageIndex={place} pagesCount={Math.ceil(total / PAGE)} onChange={({ detail }) => setPlace(detail.currentPageIndex)}
        ariaLabels={{ nextPageLabel: 'Next pairs', previousPageLabel: 'Previous pairs', pageLabel: n => `Pairs, page ${n}` }} />}
      columnDefinitions={[
        { id: 'name', header: 'Name', isRowHeader: true, cell: pair => pair.name },
        { id: 'of', header: 'Record type', cell: pair => entityName(pair.entity) },
        { id: 'old', header: 'Old id', cell: pair => pair.oldSourcedId },
        { id: 'new', header: 'New id', cell: pair => pair.newSourcedId },
        { id: 'by', header: 'Matched by', cell: pair => pair.matchedBy },
      ]}
      empty={<Box textAlign="center">No pairs.</Box>} />
  );
}
