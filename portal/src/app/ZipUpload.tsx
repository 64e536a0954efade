import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import FileUpload from '@cloudscape-design/components/file-upload';
import Header from '@cloudscape-design/components/header';
import ProgressBar from '@cloudscape-design/components/progress-bar';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useRef, useState, type ReactNode } from 'react';
import { data, send, sentence, useApi, type Schemas } from '../api/client';
import { lastIsOld } from './syncQuery';

/** Takes the district's ZIP, sends it straight to the bucket, and starts a sync of it. */
export function ZipUpload({ groupId, mode, savedSelection = null, rehearsal = false, preview = false, onStarted, children }: { preview?: boolean; children?: ReactNode; groupId: string; mode: Schemas['SyncStart']['mode']; savedSelection?: string | null; rehearsal?: boolean; onStarted: (sync: Schemas['Sync']) => void }) {
  const api = useApi();
  const queries = useQueryClient();
  const key = useRef(crypto.randomUUID());
  const [chosen, setChosen] = useState<File[]>([]);
  const [percent, setPercent] = useState(0);
  const start = useMutation({
    mutationFn: async (file: File) => {
      const path = { groupId };
      const form = await data(api.POST('/groups/{groupId}/uploads', { params: { path }, body: { fileName: file.name, size: file.size } }));
      await send(form, file, setPercent);
      return data(api.POST('/groups/{groupId}/syncs', { params: { path }, body: { mode, uploadId: form.uploadId, savedSelection, rehearsal, preview, readEverything: false }, headers: { 'Idempotency-Key': key.current } }));
    },
    onError: () => { key.current = crypto.randomUUID(); },
    onSuccess: sync => { lastIsOld(queries, groupId); onStarted(sync); },
  });
  const file = chosen[0];
  return (
    <Container header={<Header variant="h2" description="The ZIP of OneRoster CSV files, version 1.1 or 1.2, as your student information system exports it.">Upload the district’s ZIP</Header>}>
      <SpaceBetween size="m">
        <FileUpload value={chosen} accept=".zip" showFileSize
          onChange={({ detail }) => setChosen(detail.value)}
          errorText={start.error ? sentence(start.error) : undefined}
          constraintText="One .zip file"
          i18nStrings={{ uploadButtonText: () => 'Choose ZIP', dropzoneText: () => 'Drop the ZIP here', removeFileAriaLabel: () => 'Remove the file', errorIconAriaLabel: 'Error' }} />
        {start.isPending && <ProgressBar value={percent} label={percent < 100 ? 'Uploading' : 'Uploaded; starting the sync'} />}
        {children}
        <Button variant="primary" {...(file ? {} : { disabled: true, disabledReason: 'Choose the ZIP first.' })} loading={start.isPending} onClick={() => file && start.mutate(file)}>
          {rehearsal ? 'Upload and rehearse' : savedSelection ? `Upload and sync “${savedSelection}”` : mode === 'full' ? 'Upload and sync all data' : 'Upload and choose schools'}
        </Button>
      </SpaceBetween>
    </Container>
  );
}
