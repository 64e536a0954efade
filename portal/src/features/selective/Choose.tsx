import Badge from '@cloudscape-design/components/badge';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import Pagination from '@cloudscape-design/components/pagination';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table, { type TableProps } from '@cloudscape-design/components/table';
import TextFilter from '@cloudscape-design/components/text-filter';
import { keepPreviousData, useMutation, useQuery } from '@tanstack/react-query';
import { useEffect, useState, type ReactNode } from 'react';
import { data, isStatus, sentence, useApi, type Schemas } from '../../api/client';
import { Problem } from '../../app/Problem';
import { number } from '../../app/words';
import { Sheet } from './Sheet';

type Row = (Schemas['OrgChoice'] & { title?: undefined }) | (Schemas['ClassChoice'] & { name?: undefined });
const PAGE = 50;
const counted = (value: number | null | undefined) => (value == null ? 'counting…' : number(value));
const marks = (row: Row) => (
  <>{row.new && <Badge color="blue">New</Badge>} {row.chosenLastTime && <Badge>Selected last time</Badge>}</>
);
const COLUMNS: Record<'orgs' | 'classes', TableProps.ColumnDefinition<Row>[]> = {
  orgs: [
    { id: 'name', header: 'Name', sortingField: 'name', isRowHeader: true, minWidth: 180, cell: row => <>{row.name} {marks(row)}</> },
    { id: 'sourcedId', header: 'sourcedId', cell: row => row.sourcedId },
    { id: 'type', header: 'Type', sortingField: 'type', cell: row => ('type' in row ? row.type : '') },
    { id: 'parent', header: 'Parent', sortingField: 'parent', minWidth: 150, cell: row => ('parent' in row ? row.parent : '') },
    { id: 'classes', header: 'Classes', sortingField: 'classes', cell: row => ('classes' in row ? counted(row.classes) : '') },
    { id: 'users', header: 'Users', sortingField: 'users', cell: row => counted(row.users) },
  ],
  classes: [
    { id: 'title', header: 'Title', sortingField: 'title', isRowHeader: true, minWidth: 180, cell: row => <>{row.title} {marks(row)}</> },
    { id: 'classCode', header: 'Code', sortingField: 'classCode', cell: row => ('classCode' in row ? row.classCode : '') },
    { id: 'course', header: 'Course', sortingField: 'course', cell: row => ('course' in row ? row.course : '') },
    { id: 'terms', header: 'Terms', sortingField: 'terms', minWidth: 120, cell: row => ('terms' in row ? row.terms : '') },
    { id: 'school', header: 'School', sortingField: 'school', minWidth: 140, cell: row => ('school' in row ? row.school : '') },
    { id: 'students', header: 'Students', sortingField: 'students', cell: row => ('students' in row ? number(row.students) : '') },
    { id: 'users', header: 'Users', sortingField: 'users', cell: row => counted(row.users) },
  ],
};
const CALLED = { orgs: 'schools', classes: 'classes' } as const;

interface Props {
  kind: 'orgs' | 'classes';
  syncId: string;
  /** Answered before: what was chosen then is chosen still. */
  again: boolean;
  /** The button that leads to the question before, where there is one. */
  back?: ReactNode;
  onRefused: (error: unknown) => void;
  onAnswered: (accepted: Schemas['Accepted']) => void;
}

const NOBODY: ReadonlySet<string> = new Set();

/** Schools or classes: choose all, those that match, or some; or by workbook. The choice survives a closed browser tab's reload. */
export function Choose({ kind, syncId, again, back, onAnswered, onRefused }: Props) {
  const api = useApi();
  const store = `chosen/${syncId}/${kind}`;
  const stale = `stale/${store}`; // other schools were chosen since
  const [edited, setChosen] = useState<ReadonlySet<string> | null>(() => (sessionStorage.getItem(stale) ? null : stored(store)));
  const [search, setSearch] = useState('');
  const [place, setPlace] = useState(1);
  const [sort, setSort] = useState<{ field: string; descending: boolean }>({ field: kind === 'orgs' ? 'name' : 'title', descending: false });
  const ask = (limit: number, at: number, only: '' | 'chosen' = '') => { // `at` is a multiple of `limit`
    const query = { limit, page: at / limit + 1, sort: `${sort.descending ? '-' : ''}${sort.field}`, ...(only ? { only } : { search }) };
    const params = { path: { syncId }, query };
    const page: Promise<{ items: Row[]; total: number }> = kind === 'orgs' ? data(api.GET('/syncs/{syncId}/orgs', { params })) : data(api.GET('/syncs/{syncId}/classes', { params }));
    return page;
  };
  const { data: page, error, isPending, isPlaceholderData, refetch } = useQuery({
    queryKey: [kind, syncId, search, sort, place],
    queryFn: () => ask(PAGE, (place - 1) * PAGE),
    placeholderData: keepPreviousData,
    refetchInterval: query => (query.state.data?.items.some(row => row.users == null) ? 1500 : false),
  });
  const everyId = async (only: '' | 'chosen') => {
    const ids: string[] = [];
    for (let at = 0, total = 1; at < total; at += 1000) {
      const part = await ask(1000, at, only);
      total = part.total;
      part.items.forEach(row => ids.push(row.sourcedId));
    }
    return ids;
  };
  /** As the server has it; or what is ticked here and was not sent yet, as far as it is still on offer. */
  const chosenBefore = async () => {
    const ticked = stored(store);
    if (ticked && !again) return new Set((await everyId('')).filter(id => ticked.has(id)));
    return again ? new Set(await everyId('chosen')) : NOBODY;
  };
  const before = useQuery({ queryKey: ['chosen', kind, syncId], queryFn: chosenBefore, enabled: !edited, gcTime: 0 });
  const chosen = edited ?? before.data ?? NOBODY;
  useEffect(() => { if (edited) sessionStorage.setItem(store, JSON.stringify([...edited])); }, [store, edited]);
  const matching = useMutation({ mutationFn: async () => new Set([...chosen, ...(await everyId(''))]), onSuccess: setChosen });
  const answer = useMutation({
    mutationFn: (body: Schemas['ChoiceAnswer']) => {
      const request = { params: { path: { syncId } }, body };
      return kind === 'orgs' ? data(api.POST('/syncs/{syncId}/orgs/selection', request)) : data(api.POST('/syncs/{syncId}/classes/selection', request));
    },
    onSuccess: accepted => {
      sessionStorage.removeItem(store);
      sessionStorage.removeItem(stale);
      if (kind === 'orgs' && again) sessionStorage.setItem(`stale/chosen/${syncId}/classes`, 'yes');
      onAnswered(accepted);
    },
    onError: error => { if (isStatus(error, 409) || isStatus(error, 410)) onRefused(error); },
  });
  if (error && !page) return <Problem error={error} onRetry={() => void refetch()} />;
  const total = page?.total ?? 0;
  const items = page?.items ?? [];
  const on = items.filter(row => chosen.has(row.sourcedId));
  const choose = (selected: Row[]) => {
    const ids = new Set(chosen);
    items.forEach(row => ids.delete(row.sourcedId));
    selected.forEach(row => ids.add(row.sourcedId));
    setChosen(ids);
  };
  const called = CALLED[kind];
  const loading = isPending || before.isLoading ? `The ${called} are still loading.` : '';
  return (
    <SpaceBetween size="l">
      {answer.error && <Problem error={answer.error} />}
      {before.error && <Problem error={before.error} onRetry={() => void before.refetch()} />}
      <Table
        columnDefinitions={COLUMNS[kind]}
        items={items}
        trackBy="sourcedId"
        selectionType="multi"
        enableKeyboardNavigation
        ariaLabels={{ selectionGroupLabel: `Selection of ${called}`, allItemsSelectionLabel: () => 'Select this page', itemSelectionLabel: (_, row) => `Select ${row.name ?? row.title}`, tableLabel: called }}
        selectedItems={on}
        onSelectionChange={({ detail }) => choose(detail.selectedItems)}
        loading={isPending}
        loadingText={`Loading ${called}`}
        sortingColumn={{ sortingField: sort.field }}
        sortingDescending={sort.descending}
        onSortingChange={({ detail }) => { setSort({ field: detail.sortingColumn.sortingField ?? sort.field, descending: !!detail.isDescending }); setPlace(1); }}
        wrapLines
        header={
          <Header variant="h2" counter={`(${number(chosen.size)} of ${number(total)} selected)`}
            actions={
              <SpaceBetween size="xs" direction="horizontal">
                <Button onClick={() => matching.mutate()} loading={matching.isPending} {...(total ? {} : { disabled: true, disabledReason: loading || 'There is nothing to select.' })}>{search ? 'Select what matches' : 'Select all'}</Button>
                <Button onClick={() => setChosen(new Set())} {...(chosen.size ? {} : { disabled: true, disabledReason: 'Nothing is selected.' })}>Clear</Button>
                {back}
                <Button variant="primary" {...(chosen.size ? {} : { disabled: true, disabledReason: loading || `Select at least one of the ${called} first.` })} loading={answer.isPending} onClick={() => answer.mutate({ all: null, ids: [...chosen], sheetUploadId: null })}>Continue</Button>
              </SpaceBetween>
            }
            description={`Select the ${called} to bring in here, or use the sheet below.`}>
            {kind === 'orgs' ? 'Schools' : 'Classes'}
          </Header>
        }
        filter={<TextFilter filteringText={search} filteringPlaceholder={`Find ${called}`} filteringAriaLabel={`Find ${called}`} countText={search && !isPlaceholderData ? `${number(total)} found` : ''}
          onChange={({ detail }) => { setSearch(detail.filteringText); setPlace(1); }} />}
        pagination={total > PAGE && <Pagination currentPageIndex={place} pagesCount={Math.ceil(total / PAGE)} onChange={({ detail }) => setPlace(detail.currentPageIndex)}
          ariaLabels={{ nextPageLabel: 'Next page', previousPageLabel: 'Previous page', pageLabel: n => `Page ${n}` }} />}
        empty={<Box textAlign="center">{search ? `None of the ${called} matches “${search}”.` : `The source has no ${called} to select.`}</Box>}
      />
      <Sheet kind={kind} syncId={syncId} onConfirm={sheetUploadId => answer.mutate({ all: null, ids: null, sheetUploadId })} busy={answer.isPending} />
      {matching.error && <Box color="text-status-error">{sentence(matching.error)}</Box>}
    </SpaceBetween>
  );
}

function stored(store: string): ReadonlySet<string> | null {
  const found = sessionStorage.getItem(store);
  return found ? new Set(JSON.parse(found) as string[]) : null;
}
