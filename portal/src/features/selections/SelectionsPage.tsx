import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import ContentLayout from '@cloudscape-design/components/content-layout';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useParams } from 'react-router';
import { data, sentence, useApi, whole, type Schemas } from '../../api/client';
import { useGroupChange } from '../../app/groupChange';
import { GroupNav } from '../../app/GroupNav';
import { Inbox } from '../../app/Inbox';
import { Problem } from '../../app/Problem';
import { useMay } from '../../app/role';
import { useTitle } from '../../app/title';
import { moment, number } from '../../app/words';

export function SelectionsPage() {
  const { groupId = '' } = useParams();
  const api = useApi();
  const navigate = useNavigate();
  const may = useMay();
  useTitle('Saved selections');
  const params = { path: { groupId } };
  const group = useQuery({ queryKey: ['group', groupId], queryFn: () => data(api.GET('/groups/{groupId}', { params })) });
  const { data: page, error, isPending, refetch } = useQuery({
    queryKey: ['selections', groupId],
    queryFn: () => whole(query => api.GET('/groups/{groupId}/selections', { params: { ...params, query } })),
  });
  const open = (name: string) => `/groups/${groupId}/selections/${encodeURIComponent(name)}`;
  return (
    <ContentLayout header={<Header variant="h1" description={group.data?.name}>Saved selections</Header>}>
      <SpaceBetween size="l">
        <GroupNav groupId={groupId} />
        <Inbox groupId={groupId} />
        {group.data && page && <Obeyed group={group.data} names={page.items.map(each => each.name)} />}
        {error && !page ? <Problem error={error} onRetry={() => void refetch()} /> : (
          <Table
            items={page?.items ?? []}
            trackBy="name"
            wrapLines
            loading={isPending}
            loadingText="Loading saved selections"
            header={<Header variant="h2" counter={page && `(${page.total})`} description="Schools, classes and people under a name, for a schedule, dropped files or one click."
              actions={<Button variant="primary" {...may('operator')} onClick={() => void navigate(`/groups/${groupId}/new-selection`)}>Create selection</Button>}>Saved selections</Header>}
            columnDefinitions={[
              { id: 'name', header: 'Name', isRowHeader: true, cell: each => <Link href={open(each.name)} onFollow={event => { event.preventDefault(); void navigate(open(each.name)); }}>{each.name}</Link> },
              { id: 'now', header: 'Includes now', cell: each => <Now standing={each.standing} /> },
              { id: 'version', header: 'Version', cell: each => each.version },
              { id: 'at', header: 'Changed', cell: each => `${moment(each.at)} by ${each.by}` },
              { id: 'seen', header: 'Lists reviewed', cell: each => moment(each.seenAt) },
            ]}
            empty={<Box textAlign="center" padding="l">Nothing is saved yet. Create a selection here, or select “Save this selection” at the last step of a selective sync.</Box>}
          />
        )}
      </SpaceBetween>
    </ContentLayout>
  );
}

/** What comes in when nobody is asked. */
function Obeyed({ group, names }: { group: Schemas['GroupOut']; names: readonly string[] }) {
  const changing = useMay()('admin');
  const options = [{ value: 'full', label: 'Everything' }, ...names.map(name => ({ value: name, label: name }))];
  const change = useGroupChange(group, ({ schedule: { what } }) => `Schedule and drops bring in ${what === 'full' ? 'everything' : `“${what}”`} from now on.`);
  return (
    <FormField label="What the schedule and dropped files bring in" errorText={change.error ? sentence(change.error) : undefined}>
      <Select selectedOption={options.find(each => each.value === group.schedule.what) ?? { value: group.schedule.what, label: `${group.schedule.what} (deleted)` }}
        options={options} disabled={change.isPending || changing.disabled} onChange={({ detail }) => change.mutate({ schedule: { ...group.schedule, what: detail.selectedOption.value ?? 'full' } })} />
    </FormField>
  );
}

export function Now({ standing }: { standing: Schemas['Standing'] | null }) {
  if (!standing) return 'Known after the first sync';
  const waiting = [standing.newSchools && `${number(standing.newSchools)} new schools`, standing.newClasses && `${number(standing.newClasses)} new classes`].filter(Boolean);
  const missing = [standing.missingSchools && `${number(standing.missingSchools)} schools`, standing.missingClasses && `${number(standing.missingClasses)} classes`].filter(Boolean);
  return (
    <>
      {number(standing.schools)} schools, {number(standing.classes)} classes
      {waiting.length > 0 && <Box variant="small" display="block">{waiting.join(', ')} waiting for your decision</Box>}
      {missing.length > 0 && <Box variant="small" display="block">{missing.join(', ')} listed, but no longer in the source</Box>}
    </>
  );
}
