import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { data, useApi } from '../../api/client';
import { Problem } from '../../app/Problem';
import { useMay } from '../../app/role';

/** Erases all that is held about one person, once their id is typed: nobody can bring it back. */
export function ErasePerson({ groupId, id, name, onErased }: { groupId: string; id: string; name: string; onErased: () => void }) {
  const api = useApi();
  const queries = useQueryClient();
  const may = useMay();
  const [asking, setAsking] = useState(false);
  const [typed, setTyped] = useState('');
  const held = useMutation({
    mutationFn: () => data(api.GET('/groups/{groupId}/person', { params: { path: { groupId }, query: { id } } })),
    onSuccess: made => { window.location.assign(made.url); },
  });
  const erase = useMutation({
    mutationFn: () => data(api.POST('/groups/{groupId}/erasures', { params: { path: { groupId } }, body: { id, confirm: typed } })),
    onSuccess: () => void queries.invalidateQueries(),
  });
  const close = () => { setAsking(false); setTyped(''); if (erase.isSuccess) onErased(); };
  return (
    <>
      <Button {...may('admin')} onClick={() => setAsking(true)}>Erase this person</Button>
      <Modal visible={asking} onDismiss={close} header={`Erase ${name}?`}
        footer={<Box float="right"><SpaceBetween size="xs" direction="horizontal">
          {erase.isSuccess ? <Button variant="primary" onClick={close}>Close</Button> : <>
            <Button variant="link" onClick={close}>Cancel</Button>
            <Button variant="primary" loading={erase.isPending} disabled={typed !== id} disabledReason="Type the sourcedId first." onClick={() => erase.mutate()}>Erase for good</Button>
          </>}</SpaceBetween></Box>}>
        {erase.isSuccess ? (
          <Alert type="success" header="The erasure has begun">
            {erase.data.state === 'running' && 'Every file is processed within the hour, or after the running sync. '}The audit then shows the certificate: what was removed where, and what stays and why.
          </Alert>
        ) : (
          <SpaceBetween size="s">
            {held.error && <Problem error={held.error} />}
            {erase.error && <Problem error={erase.error} />}
            <Box>Everything held about this person is erased: the record, its enrollments, and their rows in every sync that is kept. Files as received that contain this person are deleted whole. Applications are told to remove them.</Box>
            <Box>This can’t be undone. If the source still lists this person, the next sync brings them back, so remove them there first.</Box>
            <Button iconName="download" loading={held.isPending} onClick={() => held.mutate()}>Download what is held first</Button>
            <FormField label={`Type ${id} to erase`}><Input value={typed} onChange={({ detail }) => setTyped(detail.value)} /></FormField>
          </SpaceBetween>
        )}
      </Modal>
    </>
  );
}
