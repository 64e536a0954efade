import Box from '@cloudscape-design/components/box';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import Header from '@cloudscape-design/components/header';
import Pagination from '@cloudscape-design/components/pagination';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import type { TableProps } from '@cloudscape-design/components/table';
import TextFilter from '@cloudscape-design/components/text-filter';
import TokenGroup from '@cloudscape-design/components/token-group';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { data, useApi, type Schemas } from '../../api/client';
import { usePreferences } from '../../app/preferences';
import { ShowContacts, useContacts } from '../../app/contacts';
import { Problem } from '../../app/Problem';
import { StackedTable } from '../../app/stacked';
import { readable } from '../../api/plain';
import { actionWord, capital, entityName, fieldName, number, sentenceOf, type Tense } from '../../app/words';
import { cameTrue, comesBack, ENTITIES, IN_COUNTS, sidesOf, type Action, type Look } from './look';

const OF: { value: string; label: string }[] = [{ value: '', label: 'Everything' }, ...ENTITIES.map(value => ({ value, label: entityName(value) }))];
const shown = (tense: Tense, kept: boolean) => [{ value: '', label: 'Every change' }, ...Object.entries(IN_COUNTS).map(([value, done]) => ({ value, label: capital(actionWord(done, cameTrue(done, tense, kept))) }))];
const wordOf = (change: Schemas['Change'], tense: Tense, kept: boolean) => {
  const done = IN_COUNTS[change.action];
  if (kept && change.action === 'update' && !change.fields.length) return 'Kept as it was';
  return capital(actionWord(comesBack(change) ? 'returned' : done, cameTrue(done, tense, kept)));
};

const columns = (tense: Tense, kept: boolean): TableProps.ColumnDefinition<Schemas['Change']>[] => [
  { id: 'name', header: 'Name', isRowHeader: true, minWidth: 130, sortingField: 'name', cell: change => change.name || change.sourcedId },
  { id: 'action', header: 'Change', minWidth: 140, sortingField: 'action', cell: change => wordOf(change, tense, kept) },
  { id: 'reason', header: 'Reason', minWidth: 160, sortingField: 'reason', cell: change => sentenceOf(readable(change.reason)) },
  { id: 'entity', header: 'Record type', sortingField: 'entity', cell: change => entityName(change.entity) },
  { id: 'fields', header: 'Before and after', minWidth: 200, cell: change => <Difference change={change} /> },
  { id: 'sourcedId', header: 'sourcedId', sortingField: 'sourcedId', cell: change => change.sourcedId },
];

/** A plan's rows: what, why, and before and after of the fields that differ. `kept`: it was approved without removals. */
export function Rows({ syncId, tense, kept, look, onLook, schools }: { syncId: string; tense: Tense; kept: boolean; look: Look; onLook: (next: Partial<Look>) => void; schools: Map<string, string> }) {
  const api = useApi();
  const contacts = useContacts();
  const COLUMNS = columns(tense, kept);
  const { pageSize, table } = usePreferences('changes', COLUMNS, 25, () => onLook({ page: 1 }));
  const { data: page, error, isPending, refetch } = useQuery({
    queryKey: ['changes', syncId, look, pageSize, contacts.show],
    queryFn: () => data(api.GET('/syncs/{syncId}/plan/changes', { params: { path: { syncId }, query: {
      search: look.search, entity: look.entity, action: look.action, school: look.school, reason: look.reason, sort: look.sort,
      limit: pageSize, page: look.page, ...contacts.show } } })),
    placeholderData: keepPreviousData,
  });
  if (error && !page) return <Problem error={error} onRetry={() => void refetch()} />;
  const total = page?.total ?? 0;
  const narrowed = [
    ...(look.school ? [{ label: `School: ${schools.get(look.school) ?? look.school}`, part: { school: '' } }] : []),
    ...(look.reason ? [{ label: `Reason: ${look.reason}`, part: { reason: '' } }] : []),
  ];
  const DONE = shown(tense, kept);
  const sorted = COLUMNS.find(column => column.sortingField === look.sort.replace('-', ''));
  return (
    <StackedTable
      items={page?.items ?? []}
      loading={isPending}
      loadingText="Loading rows"
      wrapLines
      stickyColumns={{ first: 1 }}
      header={<Header variant="h2" counter={`(${number(total)})`} description="Every number above opens its rows here.">Rows</Header>}
      filter={
        <SpaceBetween size="xs">
          <SpaceBetween size="xs" direction="horizontal">
            <TextFilter filteringText={look.search} filteringPlaceholder="Find by name or sourcedId" filteringAriaLabel="Find rows" onChange={({ detail }) => onLook({ search: detail.filteringText })} />
            <Select ariaLabel="Record type" selectedOption={OF.find(each => each.value === look.entity) ?? OF[0] ?? null} options={OF} onChange={({ detail }) => onLook({ entity: detail.selectedOption.value ?? '' })} />
            <Select ariaLabel="Change" selectedOption={DONE.find(each => each.value === look.action) ?? DONE[0] ?? null} options={DONE}
              onChange={({ detail }) => onLook({ action: (detail.selectedOption.value ?? '') as Action, reason: '' })} />
          </SpaceBetween>
          <ShowContacts contacts={contacts} of={page?.items.map(change => change.fields.map(name => sidesOf(change, name)))} />
          {narrowed.length > 0 && <TokenGroup items={narrowed.map(each => ({ label: each.label, dismissLabel: 'Show all again' }))} onDismiss={({ detail }) => onLook(narrowed[detail.itemIndex]?.part ?? {})} />}
        </SpaceBetween>
      }
      {...(sorted ? { sortingColumn: sorted, sortingDescending: look.sort.startsWith('-') } : {})}
      onSortingChange={({ detail }) => onLook({ sort: `${detail.isDescending ? '-' : ''}${detail.sortingColumn.sortingField ?? ''}` })}
      pagination={total > pageSize && <Pagination currentPageIndex={look.page} pagesCount={Math.ceil(total / pageSize)} onChange={({ detail }) => onLook({ page: detail.currentPageIndex })}
        ariaLabels={{ nextPageLabel: 'Next page', previousPageLabel: 'Previous page', pageLabel: n => `Page ${n}` }} />}
      columnDefinitions={COLUMNS}
      {...table}
      empty={<Box textAlign="center">{look.search || look.entity || look.action || look.school || look.reason ? 'No rows match.' : 'No changes.'}</Box>}
    />
  );
}

function Difference({ change }: { change: Schemas['Change'] }) {
  if (!change.fields.length) return '–';
  return (
    <ExpandableSection headerText={change.fields.map(fieldName).join(', ')} variant="inline">
      {change.fields.map(name => <div key={name}><b>{fieldName(name)}</b>: {sidesOf(change, name).join(' → ')}</div>)}
    </ExpandableSection>
  );
}
