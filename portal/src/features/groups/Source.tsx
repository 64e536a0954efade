import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import Checkbox from '@cloudscape-design/components/checkbox';
import Container from '@cloudscape-design/components/container';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import RadioGroup from '@cloudscape-design/components/radio-group';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import Textarea from '@cloudscape-design/components/textarea';
import Tiles from '@cloudscape-design/components/tiles';
import { useState, type ReactNode } from 'react';
import type { Schemas } from '../../api/client';
import { moment } from '../../app/words';
import { Expires } from './Expires';

type Sftp = Schemas['SftpSourceIn'];
type Rest = Schemas['RestSourceIn'];
export type Source = Schemas['ZipSource'] | Sftp | Rest;
type Secret = Exclude<Sftp['credentials'] | Rest['credentials'], null | undefined>;
type Wrong = (field: string) => string | undefined;

const VERSIONS = [
  { value: 'auto', label: 'Detect automatically' },
  { value: '1.1', label: 'OneRoster 1.1' },
  { value: '1.2', label: 'OneRoster 1.2' },
];
const METHODS = [
  { value: 'zip', label: 'ZIP', description: 'You upload the district’s OneRoster ZIP here.' },
  { value: 'sftp', label: 'SFTP', description: 'Fetched from the district’s SFTP server: a ZIP, or a folder of CSVs.' },
  { value: 'rest', label: 'API', description: 'Fetched from the student information system through the OneRoster API.' },
];
const LABELS = { zip: 'ZIP', sftp: 'SFTP', rest: 'API' } as const;
const AUTHORIZATIONS = [
  { value: 'oauth2', label: 'OAuth 2.0, client credentials' },
  { value: 'oauth1', label: 'OAuth 1.0a' },
  { value: 'bearer', label: 'Bearer token' },
];
const SIGNATURES = [{ value: 'HMAC-SHA256' }, { value: 'HMAC-SHA1' }];

const EMPTY: Record<Source['method'], Source> = {
  zip: { method: 'zip', version: 'auto' },
  sftp: {
    method: 'sftp', version: 'auto', host: '', port: 22, username: '', path: '', hostKeyFingerprint: null, oldServer: false,
    doneMarker: '', afterwards: 'leave', moveTo: '', credentials: null,
  },
  rest: {
    method: 'rest', version: 'auto', baseUrl: '', authorization: 'oauth2', tokenUrl: '', scopes: [], signatureMethod: 'HMAC-SHA256',
    maxParallel: 4, pageSize: 5000, bySchool: false, changesOnly: false, checkIdsDays: 1, credentials: null,
  },
};

/** What is sent: a field left empty is none at all. */
export const asSent = (source: Source): Source => {
  if (source.method === 'rest') return { ...source, tokenUrl: source.authorization === 'oauth2' ? source.tokenUrl : null };
  return source.method === 'sftp' ? { ...source, path: source.path.trim() ? source.path : '.' } : source;
};

export function SourceSection({ source, onChange, stored, wrong, children }: {
  source: Source; onChange: (source: Source) => void; stored: Schemas['GroupOut']['source'] | undefined; wrong: Wrong; children?: ReactNode;
}) {
  const [typed, setTyped] = useState<Partial<Record<Source['method'], Source>>>({}); // of each method, kept while another is looked at
  const mark = stored && stored.method !== 'zip' && stored.method === source.method ? stored.credentials : null;
  return (
    <Container header={<Header variant="h2">Source</Header>}>
      <SpaceBetween size="m">
        <FormField label="Method" stretch>
          <Tiles value={source.method} items={METHODS} columns={3} ariaLabel="Method"
            onChange={({ detail }) => { setTyped({ ...typed, [source.method]: source }); onChange(typed[detail.value as Source['method']] ?? (stored?.method === detail.value ? stored : EMPTY[detail.value as Source['method']])); }} />
        </FormField>
        {stored && stored.method !== 'zip' && stored.method !== source.method && (
          <Alert type="warning">Saving deletes this group’s {LABELS[stored.method]} settings and its password, key or secret. Until you save, you can switch back.</Alert>
        )}
        <FormField label="OneRoster version">
          <Select selectedOption={VERSIONS.find(each => each.value === source.version) ?? null} options={VERSIONS}
            onChange={({ detail }) => onChange({ ...source, version: detail.selectedOption.value as Source['version'] })} />
        </FormField>
        {source.method === 'sftp' && <SftpFields source={source} onChange={onChange} wrong={wrong} mark={mark} />}
        {source.method === 'rest' && <RestFields source={source} onChange={onChange} wrong={wrong} mark={mark} />}
        {children}
      </SpaceBetween>
    </Container>
  );
}

interface Fields<S> { source: S; onChange: (source: S) => void; wrong: Wrong; mark: Schemas['CredentialsMark'] | null | undefined }

function SftpFields({ source, onChange, wrong, mark }: Fields<Sftp>) {
  const [way, setWay] = useState('password');
  const field = (name: 'host' | 'username' | 'path' | 'doneMarker' | 'moveTo', more: Partial<Sftp> = {}) => ({
    value: source[name], onChange: ({ detail }: { detail: { value: string } }) => onChange({ ...source, ...more, [name]: detail.value }),
  });
  return (
    <SpaceBetween size="m">
      <FormField label="Host" errorText={wrong('source.host')}><Input {...field('host', { hostKeyFingerprint: null })} placeholder="sftp.district.example" /></FormField>
      <FormField label="Port" errorText={wrong('source.port')}>
        <Input type="number" inputMode="numeric" value={String(source.port)} onChange={({ detail }) => onChange({ ...source, port: Number(detail.value), hostKeyFingerprint: null })} />
      </FormField>
      <FormField label="User name" errorText={wrong('source.username')}><Input {...field('username')} autoComplete={false} /></FormField>
      <SecretFields mark={mark} error={wrong('source.credentials')} onReplace={() => onChange({ ...source, credentials: null })}>
        <FormField label="Sign in with">
          <RadioGroup value={way} onChange={({ detail }) => { setWay(detail.value); onChange({ ...source, credentials: null }); }}
            items={[{ value: 'password', label: 'Password' }, { value: 'key', label: 'Private key', description: 'Ed25519, ECDSA or RSA, in OpenSSH format.' }]} />
        </FormField>
        {way === 'password'
          ? <Hidden label="Password" name="password" source={source} onChange={onChange} />
          : <SpaceBetween size="m">
              <Hidden label="Private key" name="privateKey" source={source} onChange={onChange} long />
              <Hidden label="Passphrase – optional" name="passphrase" source={source} onChange={onChange} />
            </SpaceBetween>}
        <Expiry source={source} onChange={onChange} />
      </SecretFields>
      <FormField label="Path" errorText={wrong('source.path')} description="A file, a folder, or a pattern such as /out/*.zip. The newest match is fetched.">
        <Input {...field('path')} placeholder="/out/*.zip" /></FormField>
      <ExpandableSection headerText="More settings for the server and its files">
        <SpaceBetween size="m">
          <Checkbox checked={source.oldServer} onChange={({ detail }) => onChange({ ...source, oldServer: detail.checked })}
            description="Only for a server that offers no modern way to sign in securely; the connection test says so. Ask the district to update it.">
            Allow older, weaker encryption for this server</Checkbox>
          {source.oldServer && <Alert type="warning">While this is on, people’s data is fetched with weak encryption. The group’s status page says so until you turn it off.</Alert>}
          <FormField label="Ending of the marker file – optional" errorText={wrong('source.doneMarker')}
            description="If the district adds, for example, roster.zip.done when roster.zip is complete, enter .done."><Input {...field('doneMarker')} placeholder=".done" /></FormField>
          <FormField label="Afterwards" errorText={wrong('source.moveTo')}>
            <RadioGroup value={source.afterwards} onChange={({ detail }) => onChange({ ...source, afterwards: detail.value as 'leave' | 'move' })}
              items={[{ value: 'leave', label: 'Leave the files where they are' }, { value: 'move', label: 'Move them to a folder' }]} /></FormField>
          {source.afterwards === 'move' && <FormField label="Folder to move them to"><Input {...field('moveTo')} placeholder="/out/taken" /></FormField>}
        </SpaceBetween>
      </ExpandableSection>
    </SpaceBetween>
  );
}

function RestFields({ source, onChange, wrong, mark }: Fields<Rest>) {
  const bearer = source.authorization === 'bearer';
  const old = source.authorization === 'oauth1';
  return (
    <SpaceBetween size="m">
      <FormField label="URL" errorText={wrong('source.baseUrl')} description="Base URL, without /orgs. For example https://sis.example/ims/oneroster/v1p1.">
        <Input type="url" value={source.baseUrl} onChange={({ detail }) => onChange({ ...source, baseUrl: detail.value })} /></FormField>
      <FormField label="Authorization">
        <Select selectedOption={AUTHORIZATIONS.find(each => each.value === source.authorization) ?? null} options={AUTHORIZATIONS}
          onChange={({ detail }) => onChange({ ...source, authorization: detail.selectedOption.value as 'oauth2' | 'oauth1' | 'bearer', credentials: null })} /></FormField>
      {source.authorization === 'oauth2' && (
        <SpaceBetween size="m">
          <FormField label="Token URL" errorText={wrong('source.tokenUrl')}><Input type="url" value={source.tokenUrl ?? ''} onChange={({ detail }) => onChange({ ...source, tokenUrl: detail.value })} /></FormField>
          <FormField label="Scopes – optional" errorText={wrong('source.scopes')} description="One per line, as the provider names them.">
            <Textarea rows={3} value={source.scopes.join('\n')} onChange={({ detail }) => onChange({ ...source, scopes: detail.value.split(/\s+/).filter(Boolean) })} /></FormField>
        </SpaceBetween>
      )}
      {old && <FormField label="Signature"><Select selectedOption={SIGNATURES.find(each => each.value === source.signatureMethod) ?? null} options={SIGNATURES}
        onChange={({ detail }) => onChange({ ...source, signatureMethod: detail.selectedOption.value as 'HMAC-SHA256' | 'HMAC-SHA1' })} /></FormField>}
      <SecretFields mark={mark} error={wrong('source.credentials')} onReplace={() => onChange({ ...source, credentials: null })}>
        {bearer
          ? <Hidden label="Token" name="token" source={source} onChange={onChange} />
          : <SpaceBetween size="m">
              <Hidden label={old ? 'Consumer key' : 'Client id'} name="clientId" source={source} onChange={onChange} shown />
              <Hidden label={old ? 'Consumer secret' : 'Client secret'} name="clientSecret" source={source} onChange={onChange} />
            </SpaceBetween>}
        <Expiry source={source} onChange={onChange} />
      </SecretFields>
      <ExpandableSection headerText="How much is fetched">
        <SpaceBetween size="m">
          <Checkbox checked={source.bySchool} onChange={({ detail }) => onChange({ ...source, bySchool: detail.checked })}
            description="Where a saved selection names schools, only their classes, students, teachers and enrollments are fetched. Guardians and other staff are not in these lists; those on the platform stay as they are.">
            Only the selected schools’ records</Checkbox>
          <Checkbox checked={source.changesOnly} onChange={({ detail }) => onChange({ ...source, changesOnly: detail.checked })}
            description="Fetches only records that have changed since the last sync. Everything is fetched at least once a week.">
            Only what has changed</Checkbox>
          {source.changesOnly && <FormField label="Compare with all ids every … days" errorText={wrong('source.checkIdsDays')}
            description="Some providers miss changes or deletions. Comparing all ids finds them; if they differ, the next sync fetches everything.">
            <Input type="number" inputMode="numeric" value={String(source.checkIdsDays)} onChange={({ detail }) => onChange({ ...source, checkIdsDays: Number(detail.value) })} /></FormField>}
          <FormField label="Parallel requests" errorText={wrong('source.maxParallel')}>
            <Input type="number" inputMode="numeric" value={String(source.maxParallel)} onChange={({ detail }) => onChange({ ...source, maxParallel: Number(detail.value) })} /></FormField>
          <FormField label="Records per page" errorText={wrong('source.pageSize')}>
            <Input type="number" inputMode="numeric" value={String(source.pageSize)} onChange={({ detail }) => onChange({ ...source, pageSize: Number(detail.value) })} /></FormField>
        </SpaceBetween>
      </ExpandableSection>
    </SpaceBetween>
  );
}

/** A secret that is set is shown as set, never as what it is; it can be replaced. */
function SecretFields({ mark, error, onReplace, children }: {
  mark: Schemas['CredentialsMark'] | null | undefined; error: string | undefined; onReplace: () => void; children: ReactNode;
}) {
  const [replacing, setReplacing] = useState(false);
  if (!mark || replacing || error)
    return <SpaceBetween size="m">{error && <StatusIndicator type="error">{error}</StatusIndicator>}{children}</SpaceBetween>;
  return (
    <FormField label="Password, key or secret">
      <SpaceBetween size="xs">
        <SpaceBetween size="s" direction="horizontal" alignItems="center">
          <StatusIndicator type="success">Set {moment(mark.changedAt)}</StatusIndicator>
          <Button formAction="none" onClick={() => { setReplacing(true); onReplace(); }}>Replace</Button>
        </SpaceBetween>
        <Expires mark={mark} />
      </SpaceBetween>
    </FormField>
  );
}

const isNew = (secret: Secret | null | undefined): secret is Exclude<Secret, Schemas['CredentialsMark']> => !!secret && !('set' in secret);

function Hidden<S extends Sftp | Rest>({ label, name, source, onChange, long = false, shown = false }: {
  label: string; name: string; source: S; onChange: (source: S) => void; long?: boolean; shown?: boolean;
}) {
  const now = isNew(source.credentials) ? source.credentials : {};
  const value = (now as Record<string, string | undefined>)[name] ?? '';
  const change = ({ detail }: { detail: { value: string } }) => {
    const others = Object.entries(now).filter(([key]) => key !== name);
    const credentials = Object.fromEntries([...others, ...(detail.value ? [[name, detail.value]] : [])]) as Secret;
    onChange({ ...source, credentials: Object.keys(credentials).length ? credentials : null });
  };
  return (
    <FormField label={label}>
      {long ? <Textarea rows={6} value={value} onChange={change} spellcheck={false} placeholder="-----BEGIN OPENSSH PRIVATE KEY-----" />
        : <Input type={shown ? 'text' : 'password'} value={value} onChange={change} autoComplete={shown ? false : 'new-password'} />}
    </FormField>
  );
}

function Expiry<S extends Sftp | Rest>({ source, onChange }: { source: S; onChange: (source: S) => void }) {
  const secret = source.credentials;
  if (!isNew(secret)) return null;
  const change = (day: string) => onChange({ ...source, credentials: { ...secret, expiresAt: day ? `${day}T00:00:00Z` : null } });
  return (
    <FormField label="Valid until – optional" description="If the district gave you a date (YYYY-MM-DD). You are warned a month before.">
      <DayInput value={secret.expiresAt?.slice(0, 10) ?? ''} onDay={change} />
    </FormField>
  );
}

/** A day is told once it is whole. */
function DayInput({ value, onDay }: { value: string; onDay: (day: string) => void }) {
  const [typed, setTyped] = useState(value);
  return <Input value={typed} placeholder="2027-07-31" onChange={({ detail }) => { setTyped(detail.value); if (!detail.value || !Number.isNaN(Date.parse(`${detail.value}T00:00:00Z`))) onDay(detail.value); }} />;
}
