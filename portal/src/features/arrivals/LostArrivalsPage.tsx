import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import { useQuery } from '@tanstack/react-query';
import { useApi, whole } from '../../api/client';
import { ArrivalTable } from '../../app/Arrivals';
import { Problem } from '../../app/Problem';
import { useTitle } from '../../app/title';

/** Files that name no group: somebody sends to a wrong or a deleted one. */
export function LostArrivalsPage() {
  useTitle('Unmatched files');
  const api = useApi();
  const { data: page, error, isPending, refetch } = useQuery({
    queryKey: ['arrivals'],
    queryFn: () => whole(query => api.GET('/arrivals', { params: { query } })),
  });
  if (error && !page) return <Problem error={error} onRetry={() => void refetch()} />;
  return (
    <ContentLayout header={<Header variant="h1">Unmatched files</Header>}>
      <ArrivalTable items={page?.items ?? []} loading={isPending} title="Files"
        description="Files dropped into a folder that is not a group’s id. Tell the sender the right folder: drop/, then the group’s id." />
    </ContentLayout>
  );
}
