import Box from '@cloudscape-design/components/box';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import { useQuery } from '@tanstack/react-query';
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
      <ShowContacts contacts={contacts}>The files show people’s contact details.</ShowContacts>
      {!contacts.hidden && <Box variant="small">The links work until {moment(report.expiresAt)}.</Box>}
    </SpaceBetween>
  );
}
