import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import ButtonDropdown from '@cloudscape-design/components/button-dropdown';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import TextFilter from '@cloudscape-design/components/text-filter';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useSearchParams } from 'react-router';
import { data, useApi, whole, type Schemas } from '../../api/client';
import { useSay } from '../../app/messages';
import { Problem } from '../../app/Problem';
import { ROLE_NAMES } from '../../app/role';
import { StackedTable } from '../../app/stacked';
import { useTitle } from '../../app/title';
import { moment } from '../../app/words';
import { allGroups, MemberForm } from './MemberForm';

type Member = Schemas['MemberOut'];

const DONE = {
  reset: (who: string) => `A new temporary password was sent to ${who}.`,
  remove: (who: string) => `${who} was removed and can no longer sign in.`,
  disable: (who: string) => `${who} was disabled and can no longer sign in.`,
  enable: (who: string) => `${who} can sign in again.`,
};

/** Who may use this stack: invite, change, disable, remove. What is searched for is in the URL. */
export function MembersPage() {
  useTitle('Users');
  const api = useApi();
  const queries = useQueryClient();
  const [params, setParams] = useSearchParams();
  const search = params.get('search') ?? '';
  const [form, setForm] = useState<Member | 'new' | null>(null);
  const { data: page, error, isPending, refetch } = useQuery({
    queryKey: ['members', search],
    queryFn: () => whole(query => api.GET('/members', { params: { query: { search, ...query } } })),
  });
  const groups = useQuery(allGroups(api));
  const names = groups.data && new Map(groups.data.items.map(group => [group.groupId, group.name]));
  const say = useSay();
  const [removing, setRemoving] = useState<Member | null>(null);
  const act = useMutation({
    mutationFn: ({ what, member }: { what: keyof typeof DONE; member: Member }): Promise<unknown> => {
      const path = { memberId: member.memberId };
      if (what === 'reset') return data(api.POST('/members/{memberId}/reset', { params: { path } }));
      if (what === 'remove') return data(api.DELETE('/members/{memberId}', { params: { path } }));
      const body = { disabled: what === 'disable' } as Schemas['MemberPatch'];
      return data(api.PATCH('/members/{memberId}', { params: { path, header: { 'If-Match': member.etag } }, body }));
    },
    onSuccess: (_, { what, member }) => say('success', DONE[what](member.name || member.email)),
    onSettled: () => queries.invalidateQueries({ queryKey: ['members'] }),
  });
  if (error && !page) return <Problem error={error} onRetry={() => void refetch()} />;
  const find = (wanted: string) => setParams(wanted ? { search: wanted } : {}, { replace: true });
  const invite = page?.invitable ? <Button variant="primary" onClick={() => setForm('new')}>Invite a user</Button> : null;
  return (
    <ContentLayout header={<Header variant="h1" actions={invite} description="Changes take effect within a minute. Everything done here is in the audit.">Users</Header>}>
      <SpaceBetween size="l">
        {act.error && <Problem error={act.error} />}
        {form && <MemberForm key={form === 'new' ? 'new' : form.memberId} member={form === 'new' ? null : form} onClose={() => setForm(null)} />}
        <StackedTable
          items={page?.items ?? []} trackBy="memberId" loading={isPending} loadingText="Loading users" wrapLines
          header={<Header variant="h2" counter={page ? `(${page.total})` : ''}>People who may use this</Header>}
          filter={<TextFilter filteringText={search} filteringPlaceholder="Find by name or e-mail" filteringAriaLabel="Find users" onChange={({ detail }) => find(detail.filteringText)} />}
          columnDefinitions={[
            { id: 'name', header: 'Name', isRowHeader: true, cell: member => member.name || member.email || member.memberId },
            { id: 'email', header: 'E-mail', cell: member => member.email || '–' },
            { id: 'role', header: 'Role', cell: member => ROLE_NAMES[member.role] },
            { id: 'groups', header: 'Groups', cell: member => (member.groups === null ? 'Every group' : member.groups.map(id => (names ? names.get(id) ?? 'a deleted group' : '…')).join(', ') || 'None') },
            { id: 'state', header: 'State', cell: member => (member.disabled ? <StatusIndicator type="stopped">Disabled</StatusIndicator> : <StatusIndicator>Active</StatusIndicator>) },
            { id: 'seen', header: 'Last sign-in', cell: member => (member.lastSignInAt ? moment(member.lastSignInAt) : 'Never') },
            {
              id: 'actions', header: 'Actions', cell: member => (
                <ButtonDropdown
                  variant="inline-icon" ariaLabel={`Actions for ${member.name || member.email}`} loading={act.isPending}
                  items={[
                    { id: 'change', text: 'Change role and groups' },
                    { id: member.disabled ? 'enable' : 'disable', text: member.disabled ? 'Enable' : 'Disable' },
                    ...(member.signedInElsewhere ? [] : [{ id: 'reset', text: 'Send a new password' }]),
                    { id: 'remove', text: 'Remove' },
                  ]}
                  onItemClick={({ detail }) => {
                    if (detail.id === 'change') setForm(member);
                    else if (detail.id === 'remove') setRemoving(member);
                    else act.mutate({ what: detail.id as keyof typeof DONE, member });
                  }}
                />
              ),
            },
          ]}
          empty={<Box textAlign="center" padding="l">{search ? `No user has “${search}” in their name or e-mail.` : 'Nobody has signed in yet.'}</Box>}
        />
      </SpaceBetween>
      {removing && (
        <Modal visible onDismiss={() => setRemoving(null)} header={`Remove ${removing.name || removing.email}?`}
          footer={<Box float="right"><SpaceBetween size="xs" direction="horizontal"><Button variant="link" onClick={() => setRemoving(null)}>Cancel</Button>
            <Button variant="primary" onClick={() => { act.mutate({ what: 'remove', member: removing }); setRemoving(null); }}>Remove user</Button></SpaceBetween></Box>}>
          They can no longer sign in. What they have done stays in the audit. To let them back in, invite them again.
        </Modal>
      )}
    </ContentLayout>
  );
}
