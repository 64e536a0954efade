import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Checkbox from '@cloudscape-design/components/checkbox';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { data, useApi, type Schemas } from '../api/client';
import { Problem } from './Problem';
import { lastIsOld } from './syncQuery';
import { ZipUpload } from './ZipUpload';

interface Start {
  group: Schemas['GroupOut'];
  mode: Schemas['SyncStart']['mode'];
  savedSelection?: string | null;
  rehearsal?: boolean;
  preview?: boolean;
  atOnce?: boolean;
  children?: ReactNode;
  onStarted: (sync: Schemas['Sync']) => void;
}

/** How a sync of this group begins: with a ZIP from here, or by fetching from the customer's server. */
export function SourceStart({ group, ...start }: Start) {
  return group.source.method === 'zip' ? <ZipUpload groupId={group.groupId} mode={start.mode} savedSelection={start.savedSelection ?? null} rehearsal={start.rehearsal ?? false} preview={start.preview ?? false} onStarted={start.onStarted}>{start.children}</ZipUpload> : <FetchStart group={group} {...start} />;
}

function FetchStart({ group, mode, savedSelection = null, rehearsal = false, preview = false, atOnce = false, onStarted, children }: Start) {
  const api = useApi();
  const queries = useQueryClient();
  const key = useRef(crypto.randomUUID());
  const [readEverything, setReadEverything] = useState(false);
  const asksForLess = group.source.method === 'rest' && (group.source.changesOnly || group.source.bySchool);
  const start = useMutation({
    mutationFn: () => data(api.POST('/groups/{groupId}/syncs', { params: { path: { groupId: group.groupId } }, body: { mode, uploadId: null, savedSelection, rehearsal, preview, readEverything }, headers: { 'Idempotency-Key': key.current } })),
    onError: () => { key.current = crypto.randomUUID(); },
    onSuccess: sync => { lastIsOld(queries, group.groupId); onStarted(sync); },
  });
  const { mutate } = start;
  const begun = useRef(false);
  useEffect(() => {
    if (!atOnce || begun.current) return;
    begun.current = true;
    mutate();
  }, [atOnce, mutate]);
  return (
    <Container header={<Header variant="h2">Fetch the roster</Header>}>
      <SpaceBetween size="m">
        <Box>{from(group.source)}</Box>
        {children}
        {asksForLess && <Checkbox checked={readEverything} onChange={({ detail }) => setReadEverything(detail.checked)} description="Not only what has changed, or only the selected schools.">Read everything now</Checkbox>}
        {start.error && <Problem error={start.error} />}
        <Button variant="primary" loading={start.isPending} onClick={() => start.mutate()}>
          {rehearsal ? 'Fetch and rehearse' : mode === 'full' ? 'Fetch and sync all data' : 'Fetch and choose schools'}
        </Button>
      </SpaceBetween>
    </Container>
  );
}

function from(source: Schemas['GroupOut']['source']): string {
  if (source.method === 'sftp') return `The newest roster at ${source.path} is fetched from ${source.host}.`;
  if (source.method === 'rest') return `Schools, classes and people are fetched from ${new URL(source.baseUrl).host}.`;
  return '';
}
