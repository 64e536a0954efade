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
import { usePreferences } from '../../app/preferences';
import { Problem } from '../../app/Problem';
import { number } from '../../app/words';
import { Sheet } from './Sheet';

type Row = (Schemas['OrgChoice'] & { title?: undefined }) | (Schemas['ClassChoice'] & { name?: undefined });
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
  /** When the question was asked that waits: an answer to another one is refused. */
  since: string;
  /** Answered before: what was chosen then is chosen still. */
  again: boolean;
  /** The button that leads to the question before, where there is one. */
  back?: ReactNode;
  onRefused: (error: unknown) => void;
  onAnswered: (accepted: Schemas['Accepted']) => void;
}

/** `ids` alone, or all but `ids`: a hundred thousand that are all chosen are no list. */
interface Choice { all: boolean; ids: ReadonlySet<string> }
const NOTHING: Choice = { all: false, ids: new Set() };
const EVERYTHING: Choice = { all: true, ids: new Set() };
const LISTED = 1000; // rows that one request for ids gets
const PARALLEL = 6;

const chosenIn = ({ all, ids }: Choice, id: string) => all !== ids.has(id);
const sizeOf = ({ all, ids }: Choice, of: number) => (all ? of - ids.size : ids.size);
/** The choice with some put in, or taken out. */
function changed({ all, ids }: Choice, some: readonly string[], on: boolean): Choice {
  const next = new Set(ids);
  some.forEach(id => (on === all ? next.delete(id) : next.add(id)));
  return { all, ids: next };
}

const tickedIn = (syncId: string, kind: 'orgs' | 'classes') => `chosen/${syncId}/${kind}`;
const staleOf = (store: string) => `stale/${store}`;
const otherSchools = (syncId: string) => sessionStorage.setItem(staleOf(tickedIn(syncId, 'classes')), 'yes');
/** Somebody else has answered: what is ticked in this browser is not what is chosen. */
export function forgetTicked(syncId: string, kind: Schemas['QuestionKind']) {
  if (kind !== 'orgs' && kind !== 'classes') return;
  sessionStorage.removeItem(tickedIn(syncId, kind));
  if (kind === 'orgs') otherSchools(syncId);
}

/** Schools or classes: choose all, those that match, or some; or by workbook. The choice survives a closed browser tab's reload. */
export function Choose({ kind, syncId, since, again, back, onAnswered, onRefused }: Props) {
  const api = useApi();
  const store = tickedIn(syncId, kind);
  const stale = staleOf(store); // other schools were chosen since
  const [edited, setChosen] = useState<Choice | null>(() => (sessionStorage.getItem(stale) ? null : stored(store)));
  const [search, setSearch] = useState('');
  const settled = useSettled(search);
  const [place, setPlace] = useState(1);
  const { pageSize, table } = usePreferences(kind, COLUMNS[kind], 50, () => setPlace(1));
  const [sort, setSort] = useState<{ field: string; descending: boolean }>({ field: kind === 'orgs' ? 'name' : 'title', descending: false });
  const ask = (limit: number, at: number, only: '' | 'all' | 'chosen' = '', of = search) => { // `at` is a multiple of `limit`; all: whatever is searched for
    const query = { limit, page: at / limit + 1, sort: `${sort.descending ? '-' : ''}${sort.field}`, ...(only === 'chosen' ? { only } : only ? {} : { search: of }) };
    const params = { path: { syncId }, query };
    const page: Promise<{ items: Row[]; total: number }> = kind === 'orgs' ? data(api.GET('/syncs/{syncId}/orgs', { params })) : data(api.GET('/syncs/{syncId}/classes', { params }));
    return page;
  };
  const { data: page, error, isPending, isPlaceholderData, refetch } = useQuery({
    queryKey: [kind, syncId, settled, sort, place, pageSize],
    queryFn: () => ask(pageSize, (place - 1) * pageSize, '', settled),
    placeholderData: keepPreviousData,
    refetchInterval: query => (query.state.data?.items.some(row => row.users == null) ? 1500 : false),
  });
  const count = async (only: 'all' | 'chosen') => (await ask(1, 0, only)).total;
  const { data: offered = 0 } = useQuery({ queryKey: ['chosen', kind, syncId, 'offered'], queryFn: () => count('all') });
  const everyId = async (only: '' | 'chosen') => {
    const first = await ask(LISTED, 0, only);
    const ids = first.items.map(row => row.sourcedId);
    for (let at = LISTED; at < first.total; at += LISTED * PARALLEL) {
      const places = Array.from({ length: PARALLEL }, (_, place) => at + place * LISTED).filter(place => place < first.total);
      (await Promise.all(places.map(place => ask(LISTED, place, only)))).forEach(part => part.items.forEach(row => ids.push(row.sourcedId)));
    }
    return ids;
  };
  /** As the server has it; or what is ticked here and was not sent yet, as far as it is still on offer. */
  const chosenBefore = async (): Promise<Choice> => {
    const ticked = stored(store);
    if (ticked && !again) return { all: ticked.all, ids: new Set((await everyId('')).filter(id => ticked.ids.has(id))) };
    if (!again) return NOTHING;
    return (await count('chosen')) === (await count('all')) ? EVERYTHING : { all: false, ids: new Set(await everyId('chosen')) };
  };
  const before = useQuery({ queryKey: ['chosen', kind, syncId, 'before'], queryFn: chosenBefore, enabled: !edited, gcTime: 0 });
  const chosen = edited ?? before.data ?? NOTHING;
  const size = sizeOf(chosen, offered);
  useEffect(() => { if (edited) sessionStorage.setItem(store, JSON.stringify({ all: edited.all, ids: [...edited.ids] })); }, [store, edited]);
  const matching = useMutation({ mutationFn: async () => (search ? changed(chosen, await everyId(''), true) : EVERYTHING), onSuccess: setChosen });
  const answer = useMutation({
    mutationFn: (body: Schemas['ChoiceAnswer']) => {
      const request = { params: { path: { syncId } }, body };
      return kind === 'orgs' ? data(api.POST('/syncs/{syncId}/orgs/selection', request)) : data(api.POST('/syncs/{syncId}/classes/selection', request));
    },
    onSuccess: accepted => {
      sessionStorage.removeItem(store);
      sessionStorage.removeItem(stale);
      if (kind === 'orgs' && again) otherSchools(syncId);
      onAnswered(accepted);
    },
    onError: error => { if (isStatus(error, 409) || isStatus(error, 410)) onRefused(error); },
  });
  if (error && !page) return <Problem error={error} onRetry={() => void refetch()} />;
  const total = page?.total ?? 0;
  const items = page?.items ?? [];
  const on = items.filter(row => chosenIn(chosen, row.sourcedId));
  const choose = (selected: Row[]) => {
    const cleared = changed(chosen, items.map(row => row.sourcedId), false);
    setChosen(changed(cleared, selected.map(row => row.sourcedId), true));
  };
  const called = CALLED[kind];
  const loading = isPending || before.isLoading ? `The ${called} are still loading.` : '';
  return (
    <SpaceBetween size="l">
      {answer.error && <Problem error={answer.error} />}
      {before.error && <Problem error={before.error} onRetry={() => void before.refetch()} />}
      <Table
        columnDefinitions={COLUMNS[kind]}
        {...table}
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
          <Header variant="h2" counter={`(${number(size)} of ${number(offered)} selected)`}
            actions={
              <SpaceBetween size="xs" direction="horizontal">
                <Button onClick={() => matching.mutate()} loading={matching.isPending} {...(total ? {} : { disabled: true, disabledReason: loading || 'There is nothing to select.' })}>{search ? 'Select what matches' : 'Select all'}</Button>
                <Button onClick={() => setChosen(NOTHING)} {...(size ? {} : { disabled: true, disabledReason: 'Nothing is selected.' })}>Clear</Button>
                {back}
                <Button variant="primary" {...(size ? {} : { disabled: true, disabledReason: loading || `Select at least one of the ${called} first.` })} loading={answer.isPending} onClick={() => answer.mutate(chosen.all ? { all: true, exclude: [...chosen.ids], ids: null, sheetUploadId: null, since } : { all: null, exclude: [], ids: [...chosen.ids], sheetUploadId: null, since })}>Continue</Button>
              </SpaceBetween>
            }
            description={`Select the ${called} to bring in here, or use the sheet below.`}>
            {kind === 'orgs' ? 'Schools' : 'Classes'}
          </Header>
        }
        filter={<TextFilter filteringText={search} filteringPlaceholder={`Find ${called}`} filteringAriaLabel={`Find ${called}`} countText={search && search === settled && !isPlaceholderData ? `${number(total)} found` : ''}
          onChange={({ detail }) => { setSearch(detail.filteringText); setPlace(1); }} />}
        pagination={total > pageSize && <Pagination currentPageIndex={place} pagesCount={Math.ceil(total / pageSize)} onChange={({ detail }) => setPlace(detail.currentPageIndex)}
          ariaLabels={{ nextPageLabel: 'Next page', previousPageLabel: 'Previous page', pageLabel: n => `Page ${n}` }} />}
        empty={<Box textAlign="center">{search ? `None of the ${called} matches “${search}”.` : `The source has no ${called} to select.`}</Box>}
      />
      <Sheet kind={kind} syncId={syncId} onConfirm={sheetUploadId => answer.mutate({ all: null, exclude: [], ids: null, sheetUploadId, since })} busy={answer.isPending} />
      {matching.error && <Box color="text-status-error">{sentence(matching.error)}</Box>}
    </SpaceBetween>
  );
}

/** What was typed, once nobody has typed on for a moment: each letter alone would be a search of its own. */
function useSettled(typed: string): string {
  const [settled, setSettled] = useState(typed);
  useEffect(() => {
    const later = window.setTimeout(() => setSettled(typed), 200);
    return () => window.clearTimeout(later);
  }, [typed]);
  return settled;
}

function stored(store: string): Choice | null {
  const found = sessionStorage.getItem(store);
  if (!found) return null;
  const { all, ids } = JSON.parse(found) as { all: boolean; ids: string[] };
  return { all, ids: new Set(ids) };
}
