import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import FileUpload from '@cloudscape-design/components/file-upload';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { data, sentence, useApi, type Schemas } from '../../api/client';
import { useSay } from '../../app/messages';

/** Saves the group's configuration and saved selections as a file of the browser's. */
export function ExportButton({ group }: { group: Schemas['GroupOut'] }) {
  const api = useApi();
  const say = useSay();
  const take = useMutation({
    mutationFn: () => data(api.GET('/groups/{groupId}/export', { params: { path: { groupId: group.groupId } } })),
    onSuccess: document => save(`${group.name.replace(/[^\p{L}\p{N}]+/gu, '-')}.json`, JSON.stringify(document, null, 2)),
    onError: error => say('error', sentence(error)),
  });
  return <Button formAction="none" iconName="download" loading={take.isPending} onClick={() => take.mutate()}>Export</Button>;
}

function save(name: string, content: string) {
  const url = URL.createObjectURL(new Blob([content], { type: 'application/json' }));
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  URL.revokeObjectURL(url);
}

/** Makes a new group of such a file. */
export function ImportGroup({ onClose }: { onClose: () => void }) {
  const api = useApi();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const say = useSay();
  const [chosen, setChosen] = useState<File[]>([]);
  const close = onClose;
  const bring = useMutation({
    mutationFn: async (file: File) => data(api.POST('/imports', { body: parsed(await file.text()) })),
    onSuccess: made => {
      void queries.invalidateQueries();
      say('success', `Group “${made.name}” was made. Its schedule is paused; resume it on its Calendar page.`);
      close();
      void navigate(`/groups/${made.groupId}`);
    },
  });
  const file = chosen[0];
  return (
      <Modal visible onDismiss={close} header="Import group"
        footer={<Box float="right"><SpaceBetween size="xs" direction="horizontal"><Button variant="link" onClick={close}>Cancel</Button>
          <Button variant="primary" {...(file ? {} : { disabled: true, disabledReason: 'Choose the file first.' })} loading={bring.isPending} onClick={() => file && bring.mutate(file)}>Make the group</Button></SpaceBetween></Box>}>
        <SpaceBetween size="m">
          <Box>Creates a new group from a file saved by Export: its configuration and its saved selections.</Box>
          <Alert type="info">The file has no passwords, keys or secrets: enter them in the new group. Its schedule is paused until you resume it.</Alert>
          <FileUpload value={chosen} accept=".json" onChange={({ detail }) => { setChosen(detail.value); bring.reset(); }}
            errorText={bring.error ? (bring.error instanceof SyntaxError ? bring.error.message : sentence(bring.error)) : undefined} constraintText="One .json file"
            i18nStrings={{ uploadButtonText: () => 'Choose file', dropzoneText: () => 'Drop the file here', removeFileAriaLabel: () => 'Remove the file', errorIconAriaLabel: 'Error' }} />
        </SpaceBetween>
      </Modal>
  );
}

/** What the file says; whether that is a group, the API decides. */
function parsed(content: string): Schemas['GroupExport-Input'] {
  try {
    return JSON.parse(content) as Schemas['GroupExport-Input'];
  } catch (error) {
    throw new SyntaxError('This isn’t a file saved by Export.', { cause: error });
  }
}
