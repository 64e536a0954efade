import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import type { Schemas } from '../../api/client';
import { readsRoster, runsSyncs } from './scopes';

/** What the application needs to sign in; the secret is shown here and never again. */
export function Secret({ client, onClose }: { client: Schemas['ClientOut']; onClose: () => void }) {
  const rows: [string, string][] = [
    ['Client ID', client.clientId],
    ['Client secret', client.clientSecret ?? ''],
    ['Token URL', client.tokenUrl],
    ...(readsRoster(client) ? [['Base URL, OneRoster 1.2', client.baseUrl12], ['Base URL, OneRoster 1.1', client.baseUrl11]] as [string, string][] : []),
    ...(runsSyncs(client) ? [['API URL', client.apiUrl]] as [string, string][] : []),
  ];
  return (
    <Modal visible size="large" onDismiss={onClose} header={`Sign-in for ${client.name}`}
      footer={<Box float="right"><Button variant="primary" onClick={onClose}>Done</Button></Box>}>
      <SpaceBetween size="m">
        <Alert type="warning">Copy the secret now. It isn’t shown again; if it gets lost, make a new one.</Alert>
        <KeyValuePairs items={rows.map(([label, value]) => ({
          label,
          value: <CopyToClipboard variant="inline" textToCopy={value} copyButtonAriaLabel={`Copy ${label}`} copySuccessText={`${label} copied`} copyErrorText={`${label} couldn’t be copied`} />,
        }))} />
      </SpaceBetween>
    </Modal>
  );
}
