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
import { readable } from '../../api/plain';
import { Problem } from '../../app/Problem';
import { entityName, number } from '../../app/words';
import { type Look } from './look';

const SHOWN = 20;
const PAGE = 10;
const HEADERS: Record<NonNullable<Schemas['Breach']['kind']>, string> = {
  removals: 'Held: more removals than this group’s safety limit allows',
  empty: 'Held: a file came without any rows',
  renumbered: 'Held: the ids look renumbered',
  undone: 'Held: it would repeat changes that were undone',
  ambiguous: 'Held: some people match more than one record',
};

/** Why a plan is held, in sentences that open their rows. */
export function Held({ syncId, plan, onLook }: { syncId: string; plan: Schemas['Plan']; onLook: (next: Partial<Look>) => void }) {
  const kinds = (Object.keys(HEADERS) as (keyof typeof HEADERS)[]).filter(kind => plan.breaches.some(breach => breach.kind === kind));
  const rows = (breach: Schemas['Breach']) => onLook({
    entity: breach.entity, action: breach.entity === 'enrollments' ? 'end' : 'deactivate', school: breach.school, reason: '', search: '',
  });
  return (
    <SpaceBetween size="s">
      {kinds.map(kind => {
        const said = plan.breaches.filter(breach => breach.kind === kind);
        return (
          <Alert key={kind} type="warning" header={HEADERS[kind]}>
            <ul>{said.slice(0, SHOWN).map(breach => <li key={breach.message}>{readable(breach.message)}{' '}
              {kind === 'removals' && <Link ariaLabel={`Show the rows: ${breach.message}`} onFollow={() => rows(breach)}>Show the rows</Link>}</li>)}</ul>
            {said.length > SHOWN && <Box>{number(said.length - SHOWN)} more are in the list of schools below.</Box>}
            {kind === 'renumbered' && <ExpandableSection headerText="Old and new ids, as pairs"><Pairs syncId={syncId} /></ExpandableSection>}
          </Alert>
        );
      })}
    </SpaceBetween>
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
