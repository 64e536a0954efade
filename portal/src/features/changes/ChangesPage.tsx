import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams } from 'react-router';
import { useState } from 'react';
import { data, FailedRequest, useApi, type Schemas } from '../../api/client';
import { readable } from '../../api/plain';
import { GroupMenu } from '../../app/GroupMenu';
import { LogFiles } from '../../app/LogFiles';
import { useSay } from '../../app/messages';
import { Problem } from '../../app/Problem';
import { lastIsOld, syncQuery, watchEvery } from '../../app/syncQuery';
import { useTitle } from '../../app/title';
import { UndoButton } from '../../app/UndoButton';
import { isLive, kindOf, moment, tenseOf } from '../../app/words';
import { Decide } from './Decide';
import { Held } from './Held';
import { useLook } from './look';
import { Numbers } from './Numbers';
import { Rows } from './Rows';

/** What a sync would change, or has changed: before the decision and for as long as the group keeps it. */
export function ChangesPage() {
  const { groupId = '', syncId = '' } = useParams();
  const api = useApi();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const say = useSay();
  const [look, setLook] = useLook();
  useTitle('Changes');
  const group = useQuery({ queryKey: ['group', groupId], queryFn: () => data(api.GET('/groups/{groupId}', { params: { path: { groupId } } })) });
  const sync = useQuery({
    ...syncQuery(api, syncId),
    refetchInterval: query => (query.state.data && !isLive(query.state.data.state) ? false : watchEvery(query, !!query.state.data?.question)),
  });
  const waits = sync.data?.question?.kind === 'approval' ? sync.data.question : null;
  const planned = !!waits || (!!sync.data && !isLive(sync.data.state));
  const plan = useQuery({ queryKey: ['plan', syncId], queryFn: () => data(api.GET('/syncs/{syncId}/plan', { params: { path: { syncId } } })), enabled: planned });
  const decided = (accepted: Schemas['Accepted']) => {
    say('success', accepted.message, syncId);
    queries.setQueryData(['sync', syncId], accepted.sync);
    lastIsOld(queries, groupId);
    void navigate(`/groups/${groupId}/status`);
  };
  const [asked, setAsked] = useState(false);
  if (waits && !asked) setAsked(true); // this page has shown an open question
  if (sync.error && !sync.data) return <Problem error={sync.error} onRetry={() => void sync.refetch()} />;
  const none = plan.error instanceof FailedRequest && plan.error.problem.status === 409;
  const tense = sync.data ? tenseOf(sync.data.state) : 'will';
  const deciding = (data: Schemas['Plan'], until: string) => ({
    syncId, plan: data, until, rehearsal: sync.data?.rehearsal ?? false, undo: !!sync.data?.undoes, onDecided: decided,
  });
  const schools = new Map((plan.data?.schools ?? []).map(school => [school.sourcedId, school.name]));
  return (
    <ContentLayout header={
      <Header variant="h1" description={sync.data && `${group.data?.name ?? ''} · ${kindOf(sync.data)} · started ${moment(sync.data.startedAt)} by ${sync.data.startedBy}`}
        actions={<SpaceBetween size="xs" direction="horizontal">
          {sync.data?.state === 'succeeded' && wroteSomething(sync.data) && <UndoButton groupId={groupId} syncId={syncId} />}
          {group.data && <GroupMenu group={group.data} variant="normal" />}
        </SpaceBetween>}>Changes</Header>}>
      <SpaceBetween size="l">
        {sync.data && !planned && <Container><Box><Spinner /> Working out the changes…</Box></Container>}
        {waits && <Alert type="info" header="Nothing is written yet">{sync.data?.rehearsal ? 'A rehearsal shows what would change. It is never written.' : 'Review what this sync would change, then decide.'}</Alert>}
        {asked && !waits && sync.data && <Answered groupId={groupId} sync={sync.data} />}
        {sync.data && !isLive(sync.data.state) && sync.data.message && <Alert type="info">{readable(sync.data.message)}</Alert>}
        {sync.data?.undoes && <Alert type="info">This undoes {readable(`sync ${sync.data.undoes}`)}: <Link href={`/groups/${groupId}/syncs/${sync.data.undoes}/changes`}
          onFollow={event => { event.preventDefault(); void navigate(`/groups/${groupId}/syncs/${sync.data.undoes ?? ''}/changes`); }}>see its changes</Link>.</Alert>}
        {none && <Container><Box textAlign="center">This sync ended before its changes were worked out.</Box></Container>}
        {plan.error && !none && <Problem error={plan.error} onRetry={() => void plan.refetch()} />}
        {planned && plan.isPending && <Spinner />}
        {plan.data && (
          <SpaceBetween size="l">
            {waits && <Decide brief {...deciding(plan.data, waits.until)} />}
            <Held syncId={syncId} plan={plan.data} over={!waits} onLook={setLook} />
            {plan.data.notes.map(text => <Alert key={text} type="info">{readable(text)}{' '}
              {text.includes('left alone') && <Link onFollow={() => setLook({ action: 'unchanged', entity: '', school: '', reason: text.replace(/^[^:]*: /, '').replace(/\.$/, '') })}>Show them</Link>}</Alert>)}
            <Numbers plan={plan.data} tense={tense} onLook={setLook} />
            <div id="rows"><Rows syncId={syncId} tense={tense} kept={!plan.data.withRemovals} look={look} onLook={setLook} schools={schools} /></div>
            <Downloads syncId={syncId} />
            {waits && <Decide {...deciding(plan.data, waits.until)} />}
          </SpaceBetween>
        )}
      </SpaceBetween>
    </ContentLayout>
  );
}

/** Somebody else was faster, or the time ran out, while this page showed the question. It stays until it is left. */
function Answered({ groupId, sync }: { groupId: string; sync: Schemas['Sync'] }) {
  const navigate = useNavigate();
  const decision = sync.answered?.kind === 'approval' ? sync.answered : null;
  return (
    <Alert type="warning" header="This question has been answered" action={<Button onClick={() => void navigate(`/groups/${groupId}/status`)}>Check last sync status</Button>}>
      {decision && `${decision.by} ${decision.did} ${moment(decision.at)}. `}Your own answer was not sent.
    </Alert>
  );
}

const wroteSomething = (sync: Schemas['Sync']) =>
  Object.values(sync.counts).some(each => each.created + each.updated + each.deactivated + each.ended > 0);

function Downloads({ syncId }: { syncId: string }) {
  const [asked, setAsked] = useState(false);
  return (
    <Container header={<Header variant="h2" description="To review the changes in a spreadsheet.">Download</Header>}>
      {asked ? <LogFiles syncId={syncId} /> : <Button iconName="download" onClick={() => setAsked(true)}>Download workbook and CSV</Button>}
    </Container>
  );
}
