import Spinner from '@cloudscape-design/components/spinner';
import Box from '@cloudscape-design/components/box';
import { useQuery } from '@tanstack/react-query';
import { Outlet, useParams } from 'react-router';
import { data, isStatus, useApi } from '../api/client';
import { NotFound } from './NotFound';
import { Problem } from './Problem';

/** The pages of one group: an unknown one is said once, and not by each part of the page. */
export function InGroup() {
  const { groupId = '' } = useParams();
  const api = useApi();
  const { data: group, error, refetch } = useQuery({ queryKey: ['group', groupId], queryFn: () => data(api.GET('/groups/{groupId}', { params: { path: { groupId } } })) });
  if (isStatus(error, 404)) return <NotFound what="Group" />;
  if (error && !group) return <Problem error={error} onRetry={() => void refetch()} />;
  return group ? <Outlet /> : <Box padding="l"><Spinner /> Loading…</Box>;
}
