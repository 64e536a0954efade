import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import ProgressBar from '@cloudscape-design/components/progress-bar';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import Table from '@cloudscape-design/components/table';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate, useParams } from 'react-router';
import { data, FailedRequest, useApi, type Schemas } from '../../api/client';
import { GroupNav } from '../../app/GroupNav';
import { Inbox } from '../../app/Inbox';
import { Fetching } from '../../app/Fetching';
import { LogFiles } from '../../app/LogFiles';
import { Problem } from '../../app/Problem';
import { useMay } from '../../app/role';
import { syncQuery } from '../../app/syncQuery';
import { useTitle } from '../../app/title';
import { amount, capital, entityName, duration, isLive, MODES, moment, number, STATES, STEPS } from '../../app/words';
import { UndoButton } from '../../app/UndoButton';
import { GroupMenu } from '../../app/GroupMenu';
import { GroupArrivals } from '../../app/Arrivals';

export function StatusPage() {
  const { groupId = '' } = useParams();
  const api = useApi();
  const navigate = useNavigate();
  const may = useMay();
  useTitle('Last sync status');
  const path = { groupId };
  const group = useQuery({ queryKey: ['group', groupId], queryFn: () => data(api.GET('/groups/{groupId}', { params: { path } })) });
  const last = useQuery({
    queryKey: ['last', groupId],
    queryFn: () => data(api.GET('/groups/{groupId}/syncs/last', { params: { path } })),
    refetchInterval: query => (query.state.data && isLive(query.state.data.status) ? 1000 : false),
  });
  const never = last.error instanceof FailedRequest && last.error.problem.status === 404;
  const sync = last.data;
  return (
    <ContentLayout header={<Header variant="h1" description={group.data?.name} actions={group.data && (
        <SpaceBetween size="xs" direction="horizontal"><Button {...may('admin')} onClick={() => void navigate(`/groups/${groupId}`)}>Edit group</Button><GroupMenu group={group.data} variant="primary" /></SpaceBetween>)}>Last sync status</Header>}>
      <SpaceBetween size="l">
        <GroupNav groupId={groupId} />
        <Inbox groupId={groupId} key={`inbox ${sync?.status}`} />
        {last.isPending && <Spinner />}
        {never && <Container><Box textAlign="center" padding="l">This group has never been synced. Start with Actions: Sync all data, or Selective sync.</Box></Container>}
        {last.error && !never && <Problem error={last.error} onRetry={() => void last.refetch()} />}
        {sync && (
          <SpaceBetween size="l">
            {sync.status === 'waiting' && <Waiting groupId={groupId} syncId={sync.syncId} />}
            <Container header={<Header variant="h2" actions={<SpaceBetween size="xs" direction="horizontal">
              {sync.status === 'succeeded' && <Button onClick={() => void navigate(`/groups/${groupId}/syncs/${sync.syncId}/changes`)}>Changes</Button>}
              {sync.status === 'succeeded' && <UndoButton groupId={groupId} syncId={sync.syncId} />}
              <Questions groupId={groupId} sync={sync} /></SpaceBetween>}>{sync.message || STATES[sync.status].label}</Header>}>
              <KeyValuePairs columns={3} items={[
                { label: 'Status', value: <StatusIndicator type={STATES[sync.status].type}>{STATES[sync.status].label}</StatusIndicator> },
                { label: 'Last sync date', value: moment(sync.lastSyncDate ?? sync.startedAt) },
                ...(['users', 'classes', 'orgs', 'enrollments'] as const).map(name => ({ label: entityName(name), value: <Counts counts={sync[name]} state={sync.status} /> })),
                { label: 'Download log', value: <Log key={sync.status} syncId={sync.syncId} live={isLive(sync.status)} /> },
              ]} />
            </Container>
            {isLive(sync.status) && <Running syncId={sync.syncId} />}
            {!isLive(sync.status) && <Problems syncId={sync.syncId} />}
          </SpaceBetween>
        )}
        <GroupArrivals groupId={groupId} />
        <History groupId={groupId} key={sync?.status} />
      </SpaceBetween>
    </ContentLayout>
  );
}

/** What the sync waits for, and the way there. */
function Waiting({ groupId, syncId }: { groupId: string; syncId: string }) {
  const navigate = useNavigate();
  const may = useMay();
  const { data: sync } = useQuery(syncQuery(useApi(), syncId));
  if (!sync?.question) return null;
  const [type, header, what] =
    sync.question.kind !== 'approval' ? (['info', 'This sync waits for your choice', 'You can go on from any browser.'] as const)
    : sync.held ? (['warning', 'This sync is held', 'It would do more than this group’s guard allows. Nothing is written before an admin has looked at it and decided.'] as const)
    : (['info', 'The changes wait for your decision', 'Nothing is written before an admin has looked at them and decided.'] as const);
  return <Alert type={type} header={header} action={<Button {...may('operator')} onClick={() => void navigate(`/groups/${groupId}/selective`)}>Go on with it</Button>}>{what}</Alert>;
}

function Questions({ groupId, sync }: { groupId: string; sync: Schemas['LastSync'] }) {
  const navigate = useNavigate();
  return (
    <SpaceBetween size="xs" direction="horizontal">
      {sync.users.read > 0 && <Button onClick={() => void navigate(`/groups/${groupId}/syncs/${sync.syncId}/sanity`)}>Does this roster look right?</Button>}
      <Button onClick={() => void navigate(`/groups/${groupId}/trace`)}>Why is this person not here?</Button>
    </SpaceBetween>
  );
}

/** What became of an entity: figures once there are some; before that, or where nothing was read, no zeros that look like a result. */
function Counts({ counts, state }: { counts: Schemas['EntityCounts']; state: Schemas['State'] }) {
  const done = (['created', 'updated', 'deactivated', 'ended', 'unchanged'] as const).filter(name => counts[name]).map(name => `${number(counts[name])} ${name}`);
  const read = `${number(counts.read)} rows read, ${number(counts.leftOut)} left out`;
  if (!counts.read && !done.length) return isLive(state) ? 'not read yet' : 'nothing was read';
  if (isLive(state) && !done.length) return read;
  return (
    <>
      <Box fontSize="heading-m">{number(counts.selected)}</Box>
      <Box variant="small">{isLive(state) && 'planned: '}{done.join(', ') || 'nothing to change'}</Box>
      <Box variant="small" color="text-body-secondary" display="block">{read}</Box>
    </>
  );
}

function Log({ syncId, live }: { syncId: string; live: boolean }) {
  const [asked, setAsked] = useState(false);
  if (live) return 'when the sync has ended';
  if (!asked) return <Button iconName="download" wrapText={false} onClick={() => setAsked(true)}>Download log</Button>;
  return <LogFiles syncId={syncId} />;
}

function Running({ syncId }: { syncId: string }) {
  const api = useApi();
  const queries = useQueryClient();
  const may = useMay();
  const { data: sync, dataUpdatedAt: seen } = useQuery({ ...syncQuery(api, syncId), refetchInterval: 1000 });
  const steps = sync?.progress.filter(each => each.step !== 'apply' || sync.question?.kind !== 'approval'); // not begun before somebody decides
  const cancel = useMutation({ mutationFn: () => data(api.POST('/syncs/{syncId}/cancel', { params: { path: { syncId } } })), onSuccess: () => queries.invalidateQueries() });
  return (
    <Container header={<Header variant="h2" actions={<Button {...may('operator')} loading={cancel.isPending} onClick={() => cancel.mutate()}>Cancel sync</Button>}>Progress</Header>}>
      <SpaceBetween size="m">
        {cancel.error && <Problem error={cancel.error} />}
        {steps?.map(each => (each.total && !each.endedAt
          ? <ProgressBar key={each.step} label={STEPS[each.step]} value={(100 * each.done) / each.total} additionalInfo={pace(each, seen)} />
          : <div key={each.step}><Box variant="awsui-key-label">{STEPS[each.step]}</Box><StatusIndicator type={each.endedAt ? 'success' : 'loading'}>{pace(each, seen)}</StatusIndicator></div>
        ))}
        {sync && <Fetching sync={sync} />}
      </SpaceBetween>
    </Container>
  );
}

/** How far a step is, in rows and in time. `seen` is when that was asked, in milliseconds since 1970. */
function pace(step: Schemas['Progress'], seen: number): string {
  const began = Date.parse(step.startedAt);
  const took = ((step.endedAt ? Date.parse(step.endedAt) : seen) - began) / 1000;
  if (step.endedAt) return `Done in ${duration(took)}${step.total ? `: ${amount(step)}` : ''}`;
  if (!step.total) return `Working for ${duration(took)}`;
  const left = step.done ? `about ${duration((took * (step.total - step.done)) / step.done)} left` : 'just begun';
  return `${amount(step)}, ${left}`;
}

const WORST = { error: 'error', warning: 'warning', note: 'info' } as const;

function Problems({ syncId }: { syncId: string }) {
  const api = useApi();
  const { data: page, error, refetch } = useQuery({ queryKey: ['problems', syncId], queryFn: () => data(api.GET('/syncs/{syncId}/problems', { params: { path: { syncId }, query: { limit: 50 } } })) });
  if (error instanceof FailedRequest && error.problem.status === 409) return null; // it ended before the rows were read
  if (error) return <Problem error={error} onRetry={() => void refetch()} />;
  if (!page) return <Spinner />;
  return (
    <Table
      items={page.items}
      trackBy="cause"
      wrapLines
      header={<Header variant="h2" counter={`(${number(page.total)})`} description="By root cause, worst first.">Problems in the bundle</Header>}
      columnDefinitions={[
        { id: 'severity', header: 'Severity', minWidth: 120, cell: each => <StatusIndicator type={WORST[each.severity]}>{capital(each.severity)}</StatusIndicator> },
        { id: 'message', header: 'What', isRowHeader: true, minWidth: 240, cell: each => each.message },
        { id: 'explains', header: 'Rows', minWidth: 80, cell: each => number(each.explains) },
        { id: 'fix', header: 'How to fix it', minWidth: 220, cell: each => each.howToFix },
      ]}
      empty={<Box textAlign="center">Nothing was wrong with the bundle.</Box>}
    />
  );
}

function History({ groupId }: { groupId: string }) {
  const api = useApi();
  const { data: page, error, refetch } = useQuery({
    queryKey: ['history', groupId],
    queryFn: () => data(api.GET('/groups/{groupId}/syncs', { params: { path: { groupId }, query: { limit: 20 } } })),
    staleTime: 0, // a sync that ends within seconds is not running any more
  });
  if (error) return <Problem error={error} onRetry={() => void refetch()} />;
  if (!page?.items.length) return null;
  return (
    <Table
      items={page.items}
      trackBy="syncId"
      wrapLines
      header={<Header variant="h2">History</Header>}
      columnDefinitions={[
        { id: 'at', header: 'Started', isRowHeader: true, minWidth: 170, cell: sync => moment(sync.startedAt) },
        { id: 'mode', header: 'Mode', minWidth: 100, cell: sync => MODES[sync.mode] },
        { id: 'by', header: 'By', minWidth: 120, cell: sync => sync.startedBy },
        { id: 'state', header: 'Status', minWidth: 180, cell: sync => <StatusIndicator type={STATES[sync.state].type}>{STATES[sync.state].label}</StatusIndicator> },
        { id: 'message', header: 'Result', minWidth: 260, cell: sync => sync.message || '–' },
      ]}
    />
  );
}
