import Box from '@cloudscape-design/components/box';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import { useMutation, useQuery } from '@tanstack/react-query';
import { data, FailedRequest, useApi } from '../api/client';
import { Problem } from './Problem';
import { ShowContacts, useContacts } from './contacts';
import { moment, number } from './words';

const LINKS_LIVE_MS = 4 * 60_000; // a little less than the API's five minutes, so that none that is shown has ended

/** Links to a sync's log, its input as received and the roster as processed. Each time they are shown stands in the audit. */
export function LogFiles({ syncId, none }: { syncId: string; none?: string }) {
  const api = useApi();
  const contacts = useContacts();
  const { data: report, error, refetch } = useQuery({
    queryKey: ['files', syncId, contacts.show],
    queryFn: () => data(api.GET('/syncs/{syncId}/report', { params: { path: { syncId }, query: contacts.show } })),
    staleTime: LINKS_LIVE_MS,
  });
  if (none && error instanceof FailedRequest && error.problem.status === 404) return <Box>{none}</Box>;
  if (error) return <Problem error={error} onRetry={() => void refetch()} />;
  if (!report) return <Spinner />;
  return (
    <SpaceBetween size="xxs">
      {report.files.map(file => file.url
        ? <Link key={file.name} href={file.url} external={false}>{file.title} ({number(Math.ceil(file.sizeBytes / 1024))} KB)</Link>
        : <Box key={file.name}>{file.title} ({number(Math.ceil(file.sizeBytes / 1024))} KB)</Box>)}
      {!contacts.hidden && report.files.some(file => file.name === 'changes.csv.gz') && <Deltas syncId={syncId} />}
      <ShowContacts contacts={contacts}>The files show people’s contact details.</ShowContacts>
      {!contacts.hidden && <Box variant="small">The links work until {moment(report.expiresAt)}.</Box>}
    </SpaceBetween>
  );
}

const VERSIONS = ['1.2', '1.1'] as const;

/** What the sync changed, as a OneRoster ZIP for other systems. It is made when somebody asks for it. */
function Deltas({ syncId }: { syncId: string }) {
  const api = useApi();
  const contacts = useContacts();
  const make = useMutation({
    mutationFn: (version: (typeof VERSIONS)[number]) => data(api.GET('/syncs/{syncId}/delta', { params: { path: { syncId }, query: { version, ...contacts.show } } })),
    onSuccess: ({ url }) => { if (url) window.location.assign(url); },
  });
  const nothing = make.error instanceof FailedRequest && make.error.problem.status === 404 && make.error.problem.detail;
  return (
    <SpaceBetween size="xxs">
      {VERSIONS.map(version => (
        <Link key={version} variant="primary" onFollow={event => { event.preventDefault(); make.mutate(version); }} href="#">
          Changes for other systems: OneRoster {version} delta (ZIP)
        </Link>
      ))}
      {nothing ? <Box>{nothing}</Box> : make.error && <Problem error={make.error} />}
    </SpaceBetween>
  );
}
