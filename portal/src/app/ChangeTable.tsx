import Box from '@cloudscape-design/components/box';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import Header from '@cloudscape-design/components/header';
import Pagination from '@cloudscape-design/components/pagination';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import TextFilter from '@cloudscape-design/components/text-filter';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { data, useApi, type Schemas } from '../api/client';
import { Problem } from './Problem';
import { capital, entityName, number } from './words';

const PAGE = 25;
const ENTITIES = ['', 'users', 'classes', 'orgs', 'enrollments', 'courses', 'academicSessions'];
const ACTIONS = ['', 'create', 'update', 'deactivate', 'end'] as const;
const option = (value: string, all: string) => ({ value, label: value ? entityName(value) : all });

/** A plan's rows: what, why, and before and after of the fields that differ. */
export function ChangeTable({ syncId }: { syncId: string }) {
  const api = useApi();
  const [search, setSearch] = useState('');
  const [entity, setEntity] = useState('');
  const [action, setAction] = useState<(typeof ACTIONS)[number]>('');
  const [place, setPlace] = useState(1);
  const { data: page, error, isPending, refetch } = useQuery({
    queryKey: ['changes', syncId, search, entity, action, place],
    queryFn: () => data(api.GET('/syncs/{syncId}/plan/changes', { params: { path: { syncId }, query: { search, entity, action, limit: PAGE, cursor: place > 1 ? btoa(String((place - 1) * PAGE)) : '' } } })),
    placeholderData: keepPreviousData,
  });
  if (error && !page) return <Problem error={error} onRetry={() => void refetch()} />;
  const total = page?.total ?? 0;
  return (
    <Table
      items={page?.items ?? []}
      loading={isPending}
      loadingText="Loading changes"
      wrapLines
      header={<Header variant="h2" counter={`(${number(total)})`}>Changes</Header>}
      filter={
        <SpaceBetween size="xs" direction="horizontal">
          <TextFilter filteringText={search} filteringPlaceholder="Find by name or sourcedId" filteringAriaLabel="Find changes" onChange={({ detail }) => { setSearch(detail.filteringText); setPlace(1); }} />
          <Select ariaLabel="Of" selectedOption={option(entity, 'Everything')} options={ENTITIES.map(each => option(each, 'Everything'))} onChange={({ detail }) => { setEntity(detail.selectedOption.value ?? ''); setPlace(1); }} />
          <Select ariaLabel="Action" selectedOption={option(action, 'Every action')} options={ACTIONS.map(each => option(each, 'Every action'))} onChange={({ detail }) => { setAction((detail.selectedOption.value ?? '') as typeof action); setPlace(1); }} />
        </SpaceBetween>
      }
      pagination={total > PAGE && <Pagination currentPageIndex={place} pagesCount={Math.ceil(total / PAGE)} onChange={({ detail }) => setPlace(detail.currentPageIndex)} ariaLabels={{ nextPageLabel: 'Next page', previousPageLabel: 'Previous page', pageLabel: n => `Page ${n}` }} />}
      columnDefinitions={[
        { id: 'name', header: 'Name', isRowHeader: true, minWidth: 180, cell: change => change.name || change.sourcedId },
        { id: 'entity', header: 'Of', minWidth: 110, cell: change => entityName(change.entity) },
        { id: 'action', header: 'Action', minWidth: 110, cell: change => capital(change.action) },
        { id: 'reason', header: 'Reason', minWidth: 160, cell: change => capital(change.reason) },
        { id: 'fields', header: 'Before and after', minWidth: 200, cell: change => <Difference change={change} /> },
      ]}
      empty={<Box textAlign="center">Nothing changes{search || entity || action ? ' among what you look for' : ''}.</Box>}
    />
  );
}

function Difference({ change }: { change: Schemas['Change'] }) {
  if (!change.fields.length) return '–';
  const side = (record: Schemas['Change']['before'], name: string) => {
    const fields = (record?.['fields'] ?? {}) as Record<string, unknown>;
    const value = name in fields ? fields[name] : record?.[name];
    return value == null || value === '' ? 'empty' : typeof value === 'string' ? value : JSON.stringify(value);
  };
  return (
    <ExpandableSection headerText={change.fields.join(', ')} variant="inline">
      {change.fields.map(name => <div key={name}><b>{name}</b>: {side(change.before, name)} → {side(change.after, name)}</div>)}
    </ExpandableSection>
  );
}
