import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import Steps from '@cloudscape-design/components/steps';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Navigate, useLocation, useNavigate, useParams } from 'react-router';
import { data, sentence, useApi, type Schemas } from '../../api/client';
import { readable } from '../../api/plain';
import { CancelSync } from '../../app/CancelSync';
import { useSay } from '../../app/messages';
import { Fetching } from '../../app/Fetching';
import { Problem } from '../../app/Problem';
import { lastIsOld, syncQuery, watchEvery } from '../../app/syncQuery';
import { useTitle } from '../../app/title';
import { amount, isLive } from '../../app/words';
import { GroupMenu } from '../../app/GroupMenu';
import { SourceStart } from '../../app/SourceStart';
import { Choose } from './Choose';
import { Users } from './Users';

const PARTS = ['Source', 'Schools', 'Classes', 'Users', 'Changes'] as const;
const ASKED: Record<Schemas['QuestionKind'], (typeof PARTS)[number]> = { orgs: 'Schools', classes: 'Classes', statuses: 'Users', approval: 'Changes' };

/** One page that follows the machine: whatever it asks is what is shown, in whichever browser one comes back to it. */
export function SelectivePage() {
  const { groupId = '' } = useParams();
  const api = useApi();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const say = useSay();
  useTitle('Selective sync');
  const group = useQuery({ queryKey: ['group', groupId], queryFn: () => data(api.GET('/groups/{groupId}', { params: { path: { groupId } } })) });
  const syncId = group.data?.sync?.syncId;
  const atOnce = (useLocation().state as { atOnce?: boolean } | null)?.atOnce ?? false; // chosen in the menu: there is nothing to ask before it is fetched
  const sync = useQuery({
    ...syncQuery(api, syncId ?? ''),
    enabled: !!syncId,
    refetchInterval: query => (query.state.data && !isLive(query.state.data.state) ? false : watchEvery(query, !!query.state.data?.question)),
  });
  const [back, setBack] = useState<'orgs' | 'classes' | null>(null); // the question answered before that is shown again
  const answered = (accepted: Schemas['Accepted'], next: typeof back = null) => {
    for (const name of ['classes', 'chosen', 'statuses']) queries.removeQueries({ queryKey: [name] }); // they follow from what was answered
    queries.setQueryData(['sync', syncId], accepted.sync);
    setBack(next);
    say('success', accepted.message, accepted.sync.syncId);
  };
  const refused = (error: unknown) => say('error', `Your answer was not used. ${sentence(error)} Nothing that you selected on this page was sent.`);
  if (group.error) return <Problem error={group.error} onRetry={() => void group.refetch()} />;
  if (sync.error && !sync.data) return <Problem error={sync.error} onRetry={() => void sync.refetch()} />;
  const question = sync.data?.question?.kind;
  const shown = back && (question === 'classes' || question === 'statuses') ? back : question;
  const at = !syncId ? 0 : shown ? PARTS.indexOf(ASKED[shown]) : -1;
  const onlyThese = sync.data?.asked?.kind === 'schools' ? { disabled: true, disabledReason: 'Only the schools you selected were fetched. Cancel the sync to select others.' } : {};
  const ended = sync.data && !isLive(sync.data.state) ? sync.data : undefined;
  return (
    <ContentLayout
      header={
        <Header variant="h1" description={group.data?.name}
          actions={<SpaceBetween size="xs" direction="horizontal">{syncId ? !ended && <CancelSync groupId={groupId} syncId={syncId} /> : <Button onClick={() => void navigate(`/groups/${groupId}/status`)}>Cancel</Button>}{group.data && <GroupMenu group={group.data} variant="normal" />}</SpaceBetween>}>
          Selective sync
        </Header>
      }
    >
      <SpaceBetween size="l">
        {at >= 0 && (
          <Box>
            <Steps orientation="horizontal" ariaLabel="Steps of the selective sync"
              steps={PARTS.filter(part => part !== 'Changes' || question === 'approval').map((header, place) => ({ header, status: place < at ? 'success' : place === at ? 'info' : 'pending' }))} />
          </Box>
        )}
        {group.isPending && <Spinner />}
        {group.data && !syncId && (
          <SourceStart group={group.data} mode="selective" atOnce={atOnce} onStarted={started => { void navigate('.', { replace: true, state: null }); queries.setQueryData(['sync', started.syncId], started); void group.refetch(); }} />
        )}
        {syncId && !question && !ended && (
          <Container><SpaceBetween size="s"><Box><Spinner /> {waitingFor(sync.data)}</Box>
            {sync.data && <Fetching sync={sync.data} />}
            <Box color="text-body-secondary">You can leave this page and come back to it.</Box></SpaceBetween></Container>
        )}
        {syncId && shown === 'orgs' && (
          <Choose key="orgs" kind="orgs" syncId={syncId} again={question !== 'orgs'} onRefused={refused} onAnswered={accepted => answered(accepted, question === 'statuses' ? 'classes' : null)} />
        )}
        {syncId && shown === 'classes' && (
          <Choose key={`classes ${sync.data?.question?.since}`} kind="classes" syncId={syncId} again={question !== 'classes'} onRefused={refused} onAnswered={accepted => answered(accepted)}
            back={<Button {...onlyThese} onClick={() => setBack('orgs')}>Back</Button>} />
        )}
        {syncId && shown === 'statuses' && (
          <Users key={sync.data?.question?.since} groupId={groupId} syncId={syncId} onRefused={refused} back={<Button onClick={() => setBack('classes')}>Back</Button>} onWithoutClasses={() => setBack('classes')}
            onAnswered={accepted => { answered(accepted); lastIsOld(queries, groupId); if (!accepted.sync.preview) void navigate(`/groups/${groupId}/status`); }} />
        )}
        {syncId && question === 'approval' && <Navigate replace to={`/groups/${groupId}/syncs/${syncId}/changes`} />}
        {ended && (
          <Container header={<Header variant="h2">This sync has ended</Header>}>
            <SpaceBetween size="m"><Box>{readable(ended.message)}</Box>
              <SpaceBetween size="xs" direction="horizontal">
                <Button variant="primary" onClick={() => void group.refetch()}>Start another selective sync</Button>
                <Button onClick={() => void navigate(`/groups/${groupId}/status`)}>Check last sync status</Button>
              </SpaceBetween></SpaceBetween>
          </Container>
        )}
      </SpaceBetween>
    </ContentLayout>
  );
}

function waitingFor(sync: Schemas['Sync'] | undefined): string {
  const unended = sync?.progress.find(each => !each.endedAt);
  const running = unended?.step;
  if (unended && running === 'fetch') return `Fetching the roster: ${amount(unended)}…`;
  if (running === 'plan') return 'Working out the changes…';
  if (running === 'apply' || running === 'commit' || running === 'report') return 'Writing the changes…';
  return 'Reading the files…';
}
