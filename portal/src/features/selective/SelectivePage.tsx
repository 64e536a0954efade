import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import Steps from '@cloudscape-design/components/steps';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { Navigate, useLocation, useNavigate, useParams } from 'react-router';
import { data, sentence, useApi, type Schemas } from '../../api/client';
import { readable } from '../../api/plain';
import { CancelSync } from '../../app/CancelSync';
import { useSay } from '../../app/messages';
import { Fetching } from '../../app/Fetching';
import { Problem } from '../../app/Problem';
import { lastIsOld, syncQuery, watchEvery } from '../../app/syncQuery';
import { useTitle } from '../../app/title';
import { amount, isLive, moment } from '../../app/words';
import { GroupMenu } from '../../app/GroupMenu';
import { SourceStart } from '../../app/SourceStart';
import { Choose, forgetTicked } from './Choose';
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
  const others = useOthersAnswer(sync.data);
  const answered = (accepted: Schemas['Accepted'], next: typeof back = null) => {
    for (const name of ['classes', 'chosen', 'statuses']) queries.removeQueries({ queryKey: [name] }); // they follow from what was answered
    queries.setQueryData(['sync', syncId], accepted.sync);
    others.forget(accepted.sync.answered);
    setBack(next);
    say('success', accepted.message, accepted.sync.syncId);
  };
  const refused = (error: unknown) => { say('error', `Your answer was not used. ${sentence(error)}`); void sync.refetch(); };
  if (group.error) return <Problem error={group.error} onRetry={() => void group.refetch()} />;
  if (sync.error && !sync.data) return <Problem error={sync.error} onRetry={() => void sync.refetch()} />;
  const question = sync.data?.question?.kind;
  const since = sync.data?.question?.since ?? '';
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
        {others.answer && (
          <Alert type="info" dismissible i18nStrings={{ dismissAriaLabel: 'Close' }} onDismiss={() => others.forget(others.answer)} header="Someone else answered this question">
            {others.answer.by} {others.answer.did} {moment(others.answer.at)}. {others.answer.kind === 'orgs' || others.answer.kind === 'classes' ? BACK_TO[others.answer.kind] : 'What you selected here was not used.'}
          </Alert>
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
          <Choose key={`orgs ${others.seen}`} kind="orgs" syncId={syncId} since={since} again={question !== 'orgs'} onRefused={refused} onAnswered={accepted => answered(accepted, question === 'statuses' ? 'classes' : null)} />
        )}
        {syncId && shown === 'classes' && (
          <Choose key={`classes ${since} ${others.seen}`} kind="classes" syncId={syncId} since={since} again={question !== 'classes'} onRefused={refused} onAnswered={accepted => answered(accepted)}
            back={<Button {...onlyThese} onClick={() => setBack('orgs')}>Back</Button>} />
        )}
        {syncId && shown === 'statuses' && (
          <Users key={since} groupId={groupId} syncId={syncId} since={since} onRefused={refused} back={<Button onClick={() => setBack('classes')}>Back</Button>} onWithoutClasses={() => setBack('classes')}
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

const BACK_TO = {
  orgs: 'The schools you had selected here were not used. To change the answer, choose Back.',
  classes: 'The classes you had selected here were not used. To change the answer, choose Back.',
};

/**
 * The last answer that was given elsewhere while this page was open: it stays until it is closed, since the question has gone and
 * with it what was ticked here. `seen`: the moment of the newest answer that this page has taken in.
 */
function useOthersAnswer(sync: Schemas['Sync'] | undefined) {
  const queries = useQueryClient();
  const [known, setKnown] = useState<{ syncId: string; at: string; others: Schemas['Answered'] | null }>();
  const [syncId, newest] = [sync?.syncId, sync?.answered];
  if (syncId && known?.syncId !== syncId) setKnown({ syncId, at: newest?.at ?? '', others: null });
  else if (syncId && known && newest && newest.at > known.at) setKnown({ syncId, at: newest.at, others: newest });
  const answer = known?.others ?? null;
  useEffect(() => {
    if (!syncId || !answer) return;
    forgetTicked(syncId, answer.kind);
    for (const name of ['classes', 'chosen', 'statuses']) void queries.resetQueries({ queryKey: [name] }); // those on the page are read again
  }, [syncId, answer, queries]);
  const forget = (mine: Schemas['Answered'] | null | undefined) => setKnown(old => old && { ...old, at: mine && mine.at > old.at ? mine.at : old.at, others: old.others && mine && old.others.at > mine.at ? old.others : null });
  return { answer, forget, seen: known?.at ?? '' };
}

function waitingFor(sync: Schemas['Sync'] | undefined): string {
  const unended = sync?.progress.find(each => !each.endedAt);
  const running = unended?.step;
  if (unended && running === 'fetch') return `Fetching the roster: ${amount(unended)}…`;
  if (running === 'plan') return 'Working out the changes…';
  if (running === 'apply' || running === 'commit' || running === 'report') return 'Writing the changes…';
  return 'Reading the files…';
}
