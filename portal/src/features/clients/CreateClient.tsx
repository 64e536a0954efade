import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Checkbox from '@cloudscape-design/components/checkbox';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Modal from '@cloudscape-design/components/modal';
import Multiselect, { type MultiselectProps } from '@cloudscape-design/components/multiselect';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { data, sentence, useApi, whole, type Schemas } from '../../api/client';
import { READING, RUNNING } from './scopes';

// Beside what the standard requires of a person: what a class list needs, and no way to reach anybody.
const WITHOUT_CONTACT = ['username', 'grades', 'identifier', 'primaryOrg'];

/** Adds an application; its secret goes to `onCreated`. */
export function CreateClient({ groupId, onClose, onCreated }: { groupId: string; onClose: () => void; onCreated: (client: Schemas['ClientOut']) => void }) {
  const api = useApi();
  const queries = useQueryClient();
  const [name, setName] = useState('');
  const [schools, setSchools] = useState<readonly MultiselectProps.Option[]>([]);
  const [contact, setContact] = useState(false);
  const [reads, setReads] = useState(true);
  const [runs, setRuns] = useState(false);
  const orgs = useQuery({
    queryKey: ['roster', groupId, 'orgs', 'all'],
    queryFn: () => whole(query => api.GET('/groups/{groupId}/roster/{entity}', { params: { path: { groupId, entity: 'orgs' }, query: { status: 'active', ...query } } })),
  });
  const create = useMutation({
    mutationFn: () => data(api.POST('/groups/{groupId}/clients', {
      params: { path: { groupId } },
      body: { name, schools: schools.length ? schools.map(each => each.value ?? '') : null, fields: contact ? null : WITHOUT_CONTACT, scopes: [...(reads ? READING : []), ...(runs ? RUNNING : [])], expiresAt: null },
    })),
    onSuccess: client => {
      void queries.invalidateQueries({ queryKey: ['clients', groupId] });
      onCreated(client);
    },
  });
  const offered = (orgs.data?.items ?? []).map(each => ({ value: each.sourcedId, label: each.name, description: each.sourcedId }));
  return (
    <Modal visible onDismiss={onClose} header="Add application"
      footer={<Box float="right"><SpaceBetween size="xs" direction="horizontal"><Button variant="link" onClick={onClose}>Cancel</Button>
        <Button variant="primary" disabled={!name.trim() || !(reads || runs)} disabledReason="Give the application a name and something it may do." loading={create.isPending} onClick={() => create.mutate()}>Add</Button></SpaceBetween></Box>}>
      <SpaceBetween size="m">
        <FormField label="Name" description="How you will recognize the application.">
          <Input value={name} onChange={({ detail }) => setName(detail.value)} placeholder="Gradebook" />
        </FormField>
        <FormField label="What it may do">
          <Checkbox checked={reads} onChange={({ detail }) => setReads(detail.checked)} description="By OneRoster 1.1 or 1.2.">Read the roster</Checkbox>
          <Checkbox checked={runs} onChange={({ detail }) => setRuns(detail.checked)} description="Upload a ZIP, start or cancel a sync, see how it stands. It approves nothing and sees no person.">Run syncs from a script</Checkbox>
        </FormField>
        {reads && <FormField label="Schools it can see" description="Leave empty for all schools.">
          <Multiselect selectedOptions={schools} options={offered} filteringType="auto" placeholder="All schools" loadingText="Loading schools"
            statusType={orgs.error ? 'error' : orgs.isPending ? 'loading' : 'finished'} errorText="The schools could not be loaded." recoveryText="Try again" onLoadItems={() => void (orgs.error && orgs.refetch())} empty="No school is on the platform yet." onChange={({ detail }) => setSchools(detail.selectedOptions)} />
        </FormField>}
        {reads && <Checkbox checked={contact} onChange={({ detail }) => setContact(detail.checked)}
          description="E-mail, phone numbers and guardians. Names, usernames, grades and classes are always included.">Include contact details</Checkbox>}
        {create.error && <Alert type="error">{sentence(create.error)}</Alert>}
      </SpaceBetween>
    </Modal>
  );
}
