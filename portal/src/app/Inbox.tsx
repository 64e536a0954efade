import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { data, useApi, type Schemas } from '../api/client';
import { useSay } from './messages';
import { Problem } from './Problem';
import { useMay } from './role';
import { number } from './words';

/** What has appeared since somebody looked, and waits: “3 new schools since Tuesday”. Nothing where nothing waits. */
export function Inbox({ groupId }: { groupId: string }) {
  const api = useApi();
  const { data: inbox, error, refetch } = useQuery({
    queryKey: ['inbox', groupId],
    queryFn: () => data(api.GET('/groups/{groupId}/inbox', { params: { path: { groupId } } })),
    staleTime: 0, // a sync that ends within seconds may have brought what waits
  });
  if (error) return <Problem error={error} onRetry={() => void refetch()} />;
  if (!inbox?.items.length) return null;
  return <SpaceBetween size="s">{inbox.items.map(item => <Waiting key={`${item.selection}/${item.kind}`} groupId={groupId} item={item} />)}</SpaceBetween>;
}

function Waiting({ groupId, item }: { groupId: string; item: Schemas['InboxItem'] }) {
  const api = useApi();
  const queries = useQueryClient();
  const say = useSay();
  const deciding = useMay()('operator');
  const decide = useMutation({
    mutationFn: ({ decision, ids }: { decision: 'include' | 'exclude'; ids: string[] | null }) =>
      data(api.POST('/groups/{groupId}/inbox', { params: { path: { groupId } }, body: { selection: item.selection, kind: item.kind, decision, ids } })),
    onSuccess: answer => { say('success', answer.message); void queries.invalidateQueries(); },
  });
  const word = item.total === 1 ? { schools: 'school', classes: 'class' }[item.kind] : item.kind;
  const buttons = (ids: string[] | null, what: string) => (
    <SpaceBetween size="xs" direction="horizontal">
      <Button ariaLabel={`Include ${what}`} {...deciding} loading={decide.isPending} onClick={() => decide.mutate({ decision: 'include', ids })}>Include</Button>
      <Button ariaLabel={`Exclude ${what}`} disabled={decide.isPending} {...deciding} onClick={() => decide.mutate({ decision: 'exclude', ids })}>Exclude</Button>
    </SpaceBetween>
  );
  return (
    <Alert type="info" header={`${number(item.total)} new ${word}${since(item.since)}`} action={buttons(null, `all ${item.kind}`)}>
      <SpaceBetween size="xs">
        <div>“{item.selection}” leaves {item.total === 1 ? 'it' : 'them'} out until you decide.{item.total > 1 && ' These buttons decide for all of them.'}{item.kind === 'schools' && ' A school’s name may already be on the platform, if someone you selected is a member there too.'}</div>
        {decide.error && <Problem error={decide.error} />}
        {item.total > 1 && (
          <ExpandableSection headerText="One by one">
            <SpaceBetween size="xs">
              {item.rows.map(row => <SpaceBetween key={row.sourcedId} size="s" direction="horizontal" alignItems="center"><span>{row.name} ({row.sourcedId})</span>{buttons([row.sourcedId], row.name)}</SpaceBetween>)}
              {item.total > item.rows.length && <div>… and {number(item.total - item.rows.length)} more.</div>}
            </SpaceBetween>
          </ExpandableSection>
        )}
        {item.total === 1 && item.rows.map(row => <div key={row.sourcedId}>{row.name} ({row.sourcedId})</div>)}
      </SpaceBetween>
    </Alert>
  );
}

const WEEK = 6 * 24 * 3600 * 1000;

/** The weekday while it says which one is meant, the date after that. */
function since(moment: string | null): string {
  if (!moment) return '';
  const day = new Date(moment);
  const recent = Date.now() - day.getTime() < WEEK;
  return ` since ${day.toLocaleDateString(undefined, recent ? { weekday: 'long' } : { dateStyle: 'medium' })}`;
}
