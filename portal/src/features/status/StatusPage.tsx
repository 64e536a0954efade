import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Popover from '@cloudscape-design/components/popover';
import ProgressBar from '@cloudscape-design/components/progress-bar';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useNavigate, useParams } from 'react-router';
import { data, isStatus, useApi, type Schemas } from '../../api/client';
import { readable } from '../../api/plain';
import { GroupNav } from '../../app/GroupNav';
import { CancelSync } from '../../app/CancelSync';
import { Inbox } from '../../app/Inbox';
import { Fetching } from '../../app/Fetching';
import { LogFiles } from '../../app/LogFiles';
import { useEnded } from '../../app/messages';
import { ShowContacts, useContacts } from '../../app/contacts';
import { Problem } from '../../app/Problem';
import { useMay } from '../../app/role';
import { syncQuery, watchEvery } from '../../app/syncQuery';
import { useTitle } from '../../app/title';
import { pauseOf } from '../../app/pause';
import { StackedTable } from '../../app/stacked';
import { Standing } from '../../app/Standing';
import { amount, capital, duration, isLive, kindOf, MODES, moment, number, plural, resultOf, standing, STATES, STEPS } from '../../app/words';
import { Figures } from './Figures';
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
    refetchInterval: query => (query.state.data && isLive(query.state.data.status) ? watchEvery(query, query.state.data.status === 'waiting') : false),
  });
  const [logOf, setLogOf] = useState(''); // the files stand below, as wide as the page: a quarter of it is too narrow for their names
  const never = isStatus(last.error, 404);
  const sync = last.data;
  const ended = useEnded();
  const over = sync && (!isLive(sync.status) || sync.status === 'waiting') ? sync.syncId : ''; // “started” is over when it waits for somebody
  useEffect(() => { if (over) ended(over); }, [over, ended]);
  return (
    <ContentLayout header={<Header variant="h1" description={group.data?.name} actions={group.data && (
        <SpaceBetween size="xs" direction="horizontal"><Button {...may('admin')} onClick={() => void navigate(`/groups/${groupId}`)}>Edit group</Button><GroupMenu group={group.data} variant="primary" /></SpaceBetween>)}>Last sync status</Header>}>
      <SpaceBetween size="l">
        <GroupNav groupId={groupId} />
        <Paused group={group.data} />
        <OldServer group={group.data} />
        <Inbox groupId={groupId} key={`inbox ${sync?.status}`} />
        {last.isPending && <Spinner />}
        {never && <Container><Box textAlign="center" padding="l">This group has never been synced. Start with Actions: Sync all data, or Selective sync.</Box></Container>}
        {last.error && !never && <Problem error={last.error} onRetry={() => void last.refetch()} />}
        {sync && (
          <SpaceBetween size="l">
            {sync.status === 'waiting' && <Waiting groupId={groupId} syncId={sync.syncId} />}
            <Container header={<Header variant="h2" actions={<SpaceBetween size="xs" direction="horizontal">
              {sync.planned && <Button onClick={() => void navigate(`/groups/${groupId}/syncs/${sync.syncId}/changes`)}>Changes</Button>}
              {sync.status === 'succeeded' && changesOf(sync) > 0 && <UndoButton groupId={groupId} syncId={sync.syncId} />}
              <Questions groupId={groupId} sync={sync} /></SpaceBetween>}>{readable(sync.message) || headline(sync)}</Header>}>
              <SpaceBetween size="m">
              <KeyValuePairs columns={4} minColumnWidth={190} items={[
                { label: 'Status', value: <Status sync={sync} /> },
                { label: 'Last sync date', value: moment(sync.lastSyncDate ?? sync.startedAt) },
                { label: 'Kind', value: `${sync.rehearsal ? 'Rehearsal' : MODES[sync.mode]}, started by ${sync.startedBy}` },
                { label: 'Download log', value: isLive(sync.status) ? 'After the sync has ended' : <Button iconName="download" wrapText={false} ariaExpanded={logOf === sync.syncId} onClick={() => setLogOf(sync.syncId)}>Download log</Button> },
              ]} />
              {logOf === sync.syncId && !isLive(sync.status) && <LogFiles syncId={sync.syncId} />}
              </SpaceBetween>
            </Container>
            {isLive(sync.status) && <Running groupId={groupId} syncId={sync.syncId} />}
            <Figures groupId={groupId} last={sync} />
            {!isLive(sync.status) && <Problems syncId={sync.syncId} />}
          </SpaceBetween>
        )}
        <GroupArrivals groupId={groupId} />
        <History groupId={groupId} key={sync?.status} />
      </SpaceBetween>
    </ContentLayout>
  );
}

const changesOf = (sync: Schemas['LastSync']) =>
  [sync.users, sync.classes, sync.orgs, sync.enrollments].reduce((sum, each) => sum + each.created + each.updated + each.deactivated + each.ended, 0);

const headline = (sync: Schemas['LastSync']) =>
  sync.status === 'waiting' && sync.planned ? 'Nothing is written yet' : standing({ ...sync, state: sync.status }).label;

/** What a status means is behind it. */
function Status({ sync }: { sync: Schemas['LastSync'] }) {
  return (
    <Popover dismissButton={false} size="medium" triggerType="text" content={STATES[sync.status].means}>
      <Standing sync={{ ...sync, state: sync.status }} />
    </Popover>
  );
}

/** What the sync waits for, in numbers where it is held, and the way there. */
function Waiting({ groupId, syncId }: { groupId: string; syncId: string }) {
  const api = useApi();
  const navigate = useNavigate();
  const may = useMay();
  const { data: sync } = useQuery(syncQuery(api, syncId));
  const held = !!sync?.held && sync.question?.kind === 'approval';
  const { data: plan } = useQuery({ queryKey: ['plan', syncId], queryFn: () => data(api.GET('/syncs/{syncId}/plan', { params: { path: { syncId } } })), enabled: held });
  if (!sync?.question) return null;
  const go = (to: string, text: string) => <Button {...may('operator')} onClick={() => void navigate(to)}>{text}</Button>;
  const changes = `/groups/${groupId}/syncs/${syncId}/changes`;
  const until = `If nobody answers by ${moment(sync.question.until)}, nothing is written.`;
  if (sync.question.kind !== 'approval')
    return <Alert type="info" header="This sync waits for your selection" action={go(`/groups/${groupId}/selective`, 'Continue')}>You can continue in any browser. {until}</Alert>;
  if (sync.rehearsal)
    return <Alert type="info" header="The rehearsal is ready" action={go(changes, 'Review changes')}>A rehearsal is never written. Discard it when you have seen enough: until then, scheduled and dropped-file syncs of this group wait.</Alert>;
  if (!held)
    return <Alert type="info" header="The changes wait for your decision" action={go(changes, 'Review changes')}>Nothing is written until an administrator approves them. {until}</Alert>;
  const reasons = [...new Set((plan?.breaches ?? []).map(each => readable(each.message)))];
  const named = reasons.slice(0, 3);
  return (
    <Alert type="warning" header="This sync is held: it exceeds this group’s safety limit" action={go(changes, 'Review changes')}>
      {named.length > 0 && <ul>{named.map(each => <li key={each}>{each}</li>)}</ul>}
      {reasons.length > named.length && <div>And {plural(reasons.length - named.length, 'more reason')}.</div>}
      Nothing is written until an administrator has reviewed the changes and decided. {until}
    </Alert>
  );
}

/** Scheduled syncs that do not run are said where one would wait for them. A pause that has run out is none. */
function Paused({ group }: { group: Schemas['GroupOut'] | undefined }) {
  const pause = group && pauseOf(group);
  if (!pause) return null;
  return <Alert type="info" header="Scheduled syncs are paused">{pause.until ? `Through ${new Date(`${pause.until}T12:00:00`).toLocaleDateString(undefined, { dateStyle: 'medium' })}.` : 'Until they are resumed.'}{pause.reason && ` ${pause.reason}`} Manual and dropped-file syncs still run.</Alert>;
}

/** Stays as long as the setting does: what is fetched by weak encryption could be read on the way. */
function OldServer({ group }: { group: Schemas['GroupOut'] | undefined }) {
  if (group?.source.method !== 'sftp' || !group.source.oldServer) return null;
  return <Alert type="warning" header="This group allows weak encryption">{group.source.host} is set as an old server: SHA-1 and AES in CBC mode are accepted for it. Ask the district to update it, then turn the setting off.</Alert>;
}

function Questions({ groupId, sync }: { groupId: string; sync: Schemas['LastSync'] }) {
  const navigate = useNavigate();
  return (
    <SpaceBetween size="xs" direction="horizontal">
      {sync.users.read > 0 && <Button onClick={() => void navigate(`/groups/${groupId}/syncs/${sync.syncId}/sanity`)}>Does this roster look right?</Button>}
      {sync.planned && <Button onClick={() => void navigate(`/groups/${groupId}/trace`)}>Why is this person not here?</Button>}
    </SpaceBetween>
  );
}

function Running({ groupId, syncId }: { groupId: string; syncId: string }) {
  const api = useApi();
  const { data: sync, dataUpdatedAt: seen } = useQuery({ ...syncQuery(api, syncId), refetchInterval: query => watchEvery(query, !!query.state.data?.question) });
  const steps = sync?.progress.filter(each => each.step !== 'apply' || sync.question?.kind !== 'approval'); // not begun before somebody decides
  const running = steps?.find(each => !each.endedAt);
  return (
    <Container header={<Header variant="h2" actions={<CancelSync groupId={groupId} syncId={syncId} />}>Progress</Header>}>
      <SpaceBetween size="m">
        {steps?.map(each => (each.total && !each.endedAt
          ? <ProgressBar key={each.step} label={STEPS[each.step]} value={(100 * each.done) / each.total} additionalInfo={pace(each, seen)} />
          : <div key={each.step}><Box variant="awsui-key-label">{STEPS[each.step]}</Box><StatusIndicator type={each.endedAt ? 'success' : 'loading'}>{pace(each, seen)}</StatusIndicator></div>
        ))}
        {sync && <WaitsFor sync={sync} seen={seen} />}
        {sync && <Fetching sync={sync} />}
        <div className="read-out" role="status">{running && `${STEPS[running.step]}…`}</div>
      </SpaceBetween>
    </Container>
  );
}

/** What outside is waited for: a marker, a file that grows, a server that is gone. Nothing once it is over. */
function WaitsFor({ sync: { waitsFor }, seen }: { sync: Schemas['Sync']; seen: number }) {
  if (!waitsFor || Date.parse(waitsFor.until) <= seen) return null;
  return <Alert type="info" header={`Waiting for ${duration((seen - Date.parse(waitsFor.since)) / 1000)}`}>{readable(waitsFor.what)} It is tried again on its own until {moment(waitsFor.until, true)}.</Alert>;
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
  const contacts = useContacts();
  const { data: page, error, refetch } = useQuery({ queryKey: ['problems', syncId, contacts.show], queryFn: () => data(api.GET('/syncs/{syncId}/problems', { params: { path: { syncId }, query: { limit: 50, ...contacts.show } } })) });
  if (isStatus(error, 409)) return null; // it ended before the rows were read
  if (error) return <Problem error={error} onRetry={() => void refetch()} />;
  if (!page) return <Spinner />;
  return (
    <StackedTable
      items={page.items}
      trackBy="cause"
      wrapLines
      header={<Header variant="h2" counter={`(${number(page.total)})`} description="Grouped by cause, the worst first.">Problems in the source files</Header>}
      columnDefinitions={[
        { id: 'severity', header: 'Severity', minWidth: 120, cell: each => <StatusIndicator type={WORST[each.severity]}>{capital(each.severity)}</StatusIndicator> },
        { id: 'message', header: 'What', isRowHeader: true, minWidth: 240, cell: each => readable(each.message) },
        { id: 'explains', header: 'Rows', minWidth: 80, cell: each => number(each.explains) },
        { id: 'fix', header: 'How to fix it', minWidth: 220, cell: each => readable(each.howToFix) },
      ]}
      footer={contacts.hidden && <ShowContacts contacts={contacts} of={page.items} />}
      empty={<Box textAlign="center">No problems were found in the files.</Box>}
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
    <StackedTable
      items={page.items}
      trackBy="syncId"
      wrapLines
      header={<Header variant="h2">History</Header>}
      columnDefinitions={[
        { id: 'at', header: 'Started', isRowHeader: true, minWidth: 120, cell: sync => moment(sync.startedAt, true) },
        { id: 'state', header: 'Status', minWidth: 150, cell: sync => <Standing sync={sync} /> },
        { id: 'message', header: 'Result', minWidth: 200, cell: sync => resultOf(readable(sync.message), sync.state) },
        { id: 'mode', header: 'Kind', minWidth: 100, cell: sync => kindOf(sync) },
        { id: 'by', header: 'By', minWidth: 120, cell: sync => sync.startedBy },
      ]}
    />
  );
}
