import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { data, useApi } from '../api/client';
import { Problem } from './Problem';
import { useMay } from './role';

/** Starts the inverse of a sync; what it would do is shown first, always. */
export function UndoButton({ groupId, syncId }: { groupId: string; syncId: string }) {
  const api = useApi();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const may = useMay();
  const [asking, setAsking] = useState(false);
  const undo = useMutation({
    mutationFn: () => data(api.POST('/syncs/{syncId}/undo', { params: { path: { syncId } } })),
    onSuccess: started => { setAsking(false); void queries.invalidateQueries(); void navigate(`/groups/${groupId}/syncs/${started.syncId}/changes`); },
  });
  return (
    <>
      <Button {...may('admin')} onClick={() => setAsking(true)}>Undo this sync</Button>
      <Modal visible={asking} onDismiss={() => setAsking(false)} header="Undo this sync?"
        footer={<Box float="right"><SpaceBetween size="xs" direction="horizontal"><Button variant="link" onClick={() => setAsking(false)}>Cancel</Button>
          <Button variant="primary" loading={undo.isPending} onClick={() => undo.mutate()}>Show what would change</Button></SpaceBetween></Box>}>
        <SpaceBetween size="s">
          {undo.error && <Problem error={undo.error} />}
          <Box>Records it created are deactivated, records it changed are restored, and records it removed come back. Anything that later syncs have changed is left alone.</Box>
          <Box>You will see every change first. Nothing is written until you approve it.</Box>
        </SpaceBetween>
      </Modal>
    </>
  );
}
