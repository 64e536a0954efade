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

/** Ends the sync that runs, after one question; it leads to the status page, which says how far it had come. */
export function CancelSync({ groupId, syncId }: { groupId: string; syncId: string }) {
  const api = useApi();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const may = useMay();
  const [asking, setAsking] = useState(false);
  const cancel = useMutation({
    mutationFn: () => data(api.POST('/syncs/{syncId}/cancel', { params: { path: { syncId } } })),
    onSuccess: () => { void queries.invalidateQueries(); void navigate(`/groups/${groupId}/status`); },
  });
  return (
    <>
      <Button {...may('operator')} onClick={() => setAsking(true)}>Cancel sync</Button>
      {asking && (
        <Modal visible onDismiss={() => setAsking(false)} header="Cancel this sync?"
          footer={<Box float="right"><SpaceBetween size="xs" direction="horizontal"><Button variant="link" onClick={() => setAsking(false)}>Continue the sync</Button>
            <Button variant="primary" loading={cancel.isPending} onClick={() => cancel.mutate()}>Cancel the sync</Button></SpaceBetween></Box>}>
          <SpaceBetween size="s">{cancel.error && <Problem error={cancel.error} />}<div>What you have selected so far is lost. Changes already being written are finished; no others are started.</div></SpaceBetween>
        </Modal>
      )}
    </>
  );
}
