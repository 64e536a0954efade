import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import FileUpload from '@cloudscape-design/components/file-upload';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { data, send, sentence, useApi, type Schemas } from '../../api/client';
import { readable } from '../../api/plain';
import { number } from '../../app/words';

const NAMES = { orgs: 'Org', classes: 'Classes' } as const;

/** What a sheet comes to; what it has none of is not said. */
function figuresOf(said: Schemas['SheetCheck']): [string, number][] {
  const odd: [string, number][] = [
    ['Changed since download', said.changed], ['Not on the list', said.unknown], ['On the list, not in the sheet', said.missing],
    ['Repeated', said.repeated], ['Neither Yes nor No', said.unreadable],
  ];
  return [['Selected', said.chosen], ['Not selected', said.notChosen], ...odd.filter(([, value]) => value > 0)];
}

/** The choice by workbook: download, write Yes in `sync`, upload, see what it says, confirm. */
export function Sheet({ kind, syncId, onConfirm, busy }: { kind: 'orgs' | 'classes'; syncId: string; onConfirm: (uploadId: string) => void; busy: boolean }) {
  const api = useApi();
  const [chosen, setChosen] = useState<File[]>([]);
  const params = { path: { syncId } };
  const download = useMutation({
    mutationFn: () => (kind === 'orgs' ? data(api.GET('/syncs/{syncId}/orgs/sheet', { params })) : data(api.GET('/syncs/{syncId}/classes/sheet', { params }))),
    onSuccess: link => window.location.assign(link.url),
  });
  const check = useMutation({
    mutationFn: async (file: File) => {
      const body = { fileName: file.name, size: file.size };
      const form = kind === 'orgs' ? await data(api.POST('/syncs/{syncId}/orgs/sheet', { params, body })) : await data(api.POST('/syncs/{syncId}/classes/sheet', { params, body }));
      await send(form, file, () => undefined);
      const there = { params: { path: { syncId, uploadId: form.uploadId } } };
      const said: Schemas['SheetCheck'] = kind === 'orgs' ? await data(api.POST('/syncs/{syncId}/orgs/sheet/{uploadId}/check', there)) : await data(api.POST('/syncs/{syncId}/classes/sheet/{uploadId}/check', there));
      return { uploadId: form.uploadId, said };
    },
  });
  const result = check.data;
  return (
    <Container header={
      <Header variant="h2" description={`Write Yes in the column sync of the sheet ${NAMES[kind]}. Blank and No mean no.`}
        actions={<Button iconName="download" loading={download.isPending} onClick={() => download.mutate()}>Download sheet</Button>}>
        By workbook
      </Header>
    }>
      <SpaceBetween size="m">
        {download.error && <Alert type="error">{sentence(download.error)}</Alert>}
        <FileUpload value={chosen} accept=".xlsx,.csv" showFileSize constraintText="The filled workbook (.xlsx), or its sheet as CSV"
          onChange={({ detail }) => { setChosen(detail.value); check.reset(); if (detail.value[0]) check.mutate(detail.value[0]); }}
          errorText={check.error ? sentence(check.error) : undefined}
          i18nStrings={{ uploadButtonText: () => 'Upload sheet', dropzoneText: () => 'Drop the workbook here', removeFileAriaLabel: () => 'Remove the file', errorIconAriaLabel: 'Error' }} />
        {check.isPending && <Box>Reading the sheet…</Box>}
        {result && (
          <Alert type={result.said.usable ? 'success' : 'warning'} header={result.said.message}
            action={<Button variant="primary" {...(result.said.usable ? {} : { disabled: true, disabledReason: 'The sheet can’t be used as it is. The problems are listed here.' })} loading={busy} onClick={() => onConfirm(result.uploadId)}>Use this sheet</Button>}>
            <SpaceBetween size="s">
              <KeyValuePairs columns={4} items={figuresOf(result.said).map(([label, value]) => ({ label, value: number(value) }))} />
              {result.said.findings.length > 0 && (
                <ul>{result.said.findings.map(each => <li key={each.cell + each.message}><b>Cell {each.cell}</b> ({each.sourcedId}): {readable(each.message)}</li>)}</ul>
              )}
            </SpaceBetween>
          </Alert>
        )}
      </SpaceBetween>
    </Container>
  );
}
