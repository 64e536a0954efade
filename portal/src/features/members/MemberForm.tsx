import Button from '@cloudscape-design/components/button';
import Checkbox from '@cloudscape-design/components/checkbox';
import Container from '@cloudscape-design/components/container';
import Form from '@cloudscape-design/components/form';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Multiselect from '@cloudscape-design/components/multiselect';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { data, fieldError, useApi, whole, type Api, type Schemas } from '../../api/client';
import { useSay } from '../../app/messages';
import { Problem } from '../../app/Problem';
import { ROLE_NAMES } from '../../app/role';

type Member = Schemas['MemberOut'];
type Role = Member['role'];
const ROLES: { value: Role; label: string; description: string }[] = [
  { value: 'viewer', label: ROLE_NAMES.viewer, description: 'Can look at everything' },
  { value: 'operator', label: ROLE_NAMES.operator, description: 'Can also start syncs and make selections' },
  { value: 'admin', label: ROLE_NAMES.admin, description: 'Can also configure, approve, undo and delete' },
];

/** The groups by id and name, for `useQuery`. */
export const allGroups = (api: Api) => ({ queryKey: ['groups', 'all'], queryFn: () => whole(query => api.GET('/groups', { params: { query } })) });

/** Invite somebody (`member` null), or say what they may do. */
export function MemberForm({ member, onClose }: { member: Member | null; onClose: () => void }) {
  const api = useApi();
  const queries = useQueryClient();
  const say = useSay();
  const [email, setEmail] = useState('');
  const [name, setName] = useState(member?.name ?? '');
  const [role, setRole] = useState<Role>(member?.role ?? 'viewer');
  const [every, setEvery] = useState(member ? member.groups === null : false);
  const [chosen, setChosen] = useState<readonly string[]>(member?.groups ?? []);
  const groups = useQuery(allGroups(api));
  const save = useMutation({
    mutationFn: () => {
      const said = { name, role, groups: every ? null : [...chosen] };
      if (!member) return data(api.POST('/members', { body: { ...said, email } }));
      const params = { path: { memberId: member.memberId }, header: { 'If-Match': member.etag } };
      return data(api.PATCH('/members/{memberId}', { params, body: said as Schemas['MemberPatch'] }));
    },
    onSuccess: async saved => {
      await queries.invalidateQueries({ queryKey: ['members'] });
      say('success', member ? `What ${saved.name} may do was saved.` : `${saved.name} was invited. A temporary password was sent to ${saved.email}.`);
      onClose();
    },
  });
  const wrong = (field: string) => fieldError(save.error, field);
  const unready = every || chosen.length ? {} : { disabled: true, disabledReason: 'Choose at least one group, or every group.' };
  const options = (groups.data?.items ?? []).map(group => ({ value: group.groupId, label: group.name }));
  return (
    <form onSubmit={event => { event.preventDefault(); if (!unready.disabled) save.mutate(); }}>
      <Container header={<Header variant="h2">{member ? `What ${member.name || member.email} may do` : 'Invite a user'}</Header>}>
        <Form actions={<SpaceBetween direction="horizontal" size="xs"><Button formAction="none" onClick={onClose}>Cancel</Button><Button variant="primary" {...unready} loading={save.isPending}>{member ? 'Save' : 'Invite'}</Button></SpaceBetween>}>
          <SpaceBetween size="m">
            {save.error && <Problem error={save.error} />}
            {!member && <FormField label="E-mail" description="A temporary password is sent there." errorText={wrong('email')}><Input type="email" value={email} onChange={({ detail }) => setEmail(detail.value)} /></FormField>}
            <FormField label="Name" errorText={wrong('name')}><Input value={name} onChange={({ detail }) => setName(detail.value)} /></FormField>
            <FormField label="Role">
              <Select options={ROLES} selectedOption={ROLES.find(each => each.value === role) ?? null} onChange={({ detail }) => setRole(detail.selectedOption.value as Role)} />
            </FormField>
            <Checkbox checked={every} onChange={({ detail }) => setEvery(detail.checked)}>Every group, including those created later</Checkbox>
            {!every && (
              <FormField label="Groups" description="They see only these groups.">
                <Multiselect
                  options={options} selectedOptions={chosen.map(id => options.find(each => each.value === id) ?? { value: id, label: id })} statusType={groups.isPending ? 'loading' : 'finished'}
                  onChange={({ detail }) => setChosen(detail.selectedOptions.map(each => each.value ?? ''))} placeholder="Choose groups"
                />
              </FormField>
            )}
          </SpaceBetween>
        </Form>
      </Container>
    </form>
  );
}
