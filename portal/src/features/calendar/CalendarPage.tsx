import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import DatePicker from '@cloudscape-design/components/date-picker';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import Table from '@cloudscape-design/components/table';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate, useParams } from 'react-router';
import { data, sentence, useApi, type Schemas } from '../../api/client';
import { useGroupChange } from '../../app/groupChange';
import { GroupNav } from '../../app/GroupNav';
import { pauseOf } from '../../app/pause';
import { Problem } from '../../app/Problem';
import { useMay } from '../../app/role';
import { Month } from './Month';
import { useTitle } from '../../app/title';

type Group = Schemas['GroupOut'];
const shown = (date: string) => new Date(`${date}T12:00`).toLocaleDateString(undefined, { dateStyle: 'long' });

/** When a group's scheduled syncs do not run, when a new school year may remove more, and the way to a rehearsal of one. */
export function CalendarPage() {
  const { groupId = '' } = useParams();
  const api = useApi();
  useTitle('Calendar');
  const { data: group, error, refetch } = useQuery({ queryKey: ['group', groupId], queryFn: () => data(api.GET('/groups/{groupId}', { params: { path: { groupId } } })) });
  if (error && !group) return <Problem error={error} onRetry={() => void refetch()} />;
  return (
    <ContentLayout header={<Header variant="h1" description={group?.name}>Calendar</Header>}>
      <SpaceBetween size="l">
        <GroupNav groupId={groupId} />
        {group ? <SpaceBetween size="l"><Month group={group} /><Pause group={group} /><Blackouts group={group} /><Rollover key={group.etag} group={group} /><Rehearsal groupId={groupId} /></SpaceBetween> : <Spinner />}
      </SpaceBetween>
    </ContentLayout>
  );
}

function Day({ value, label, onChange }: { value: string; label: string; onChange: (value: string) => void }) {
  return <DatePicker value={value} placeholder="YYYY/MM/DD" onChange={e => onChange(e.detail.value)} i18nStrings={{ openCalendarAriaLabel: date => (date ? `${label}, now ${date}` : label) }} />;
}

function Pause({ group }: { group: Group }) {
  const changing = useMay()('admin');
  const pause = pauseOf(group);
  const [until, setUntil] = useState('');
  const [reason, setReason] = useState('');
  const change = useGroupChange(group, ({ calendar }) => (calendar.pause ? 'Scheduled syncs are paused.' : 'Scheduled syncs run again.'));
  return (
    <Container header={<Header variant="h2" description="Manual and dropped-file syncs still run.">Scheduled syncs</Header>}>
      <SpaceBetween size="m">
        {pause
          ? <StatusIndicator type="stopped">Paused {pause.until ? `through ${shown(pause.until)}` : 'until they are resumed'}{pause.reason && `: ${pause.reason}`}</StatusIndicator>
          : group.schedule.frequency === 'manual' ? <StatusIndicator type="info">This group has no schedule.</StatusIndicator>
            : <StatusIndicator type="success">{group.calendar.blackouts.length ? 'Running as scheduled, except on the blackout dates below' : 'Running as scheduled'}</StatusIndicator>}
        {change.error && <Problem error={change.error} />}
        {pause ? <Button {...changing} loading={change.isPending} onClick={() => change.mutate({ calendar: { ...group.calendar, pause: null } })}>Resume</Button> : (
          <SpaceBetween size="m" direction="horizontal" alignItems="end">
            <FormField label="Last day of the pause" description="Leave empty to pause until you resume."><Day value={until} onChange={value => setUntil(value)} label="Choose the last day of the pause" /></FormField>
            <FormField label="Why"><Input value={reason} placeholder="Optional" onChange={e => setReason(e.detail.value)} /></FormField>
            <Button {...changing} loading={change.isPending} onClick={() => change.mutate({ calendar: { ...group.calendar, pause: { until: until || null, reason } } })}>Pause</Button>
          </SpaceBetween>
        )}
      </SpaceBetween>
    </Container>
  );
}

function Blackouts({ group }: { group: Group }) {
  const changing = useMay()('admin');
  const [from, setFrom] = useState('');
  const [to, setTo] = useState('');
  const [reason, setReason] = useState('');
  const change = useGroupChange(group, () => 'The blackout dates were saved.');
  const { blackouts } = group.calendar;
  const there = blackouts.some(each => each.from === from && each.to === to);
  const set = (next: typeof blackouts, onSuccess?: () => void) => change.mutate({ calendar: { ...group.calendar, blackouts: next } }, { onSuccess });
  return (
    <Container header={<Header variant="h2" description="Days on which no scheduled sync runs, for example while grades are being entered.">Blackout dates</Header>}>
      <SpaceBetween size="m">
        <Table variant="embedded" items={[...blackouts].sort((a, b) => a.from.localeCompare(b.from))} wrapLines
          columnDefinitions={[
            { id: 'from', header: 'First day', isRowHeader: true, cell: each => shown(each.from) },
            { id: 'to', header: 'Last day', cell: each => shown(each.to) },
            { id: 'reason', header: 'Why', cell: each => each.reason || '–' },
            { id: 'remove', header: 'Remove', cell: each => <Button variant="inline-link" {...changing} ariaLabel={`Remove the blackout from ${shown(each.from)}`} onClick={() => set(blackouts.filter(one => one !== each))}>Remove</Button> },
          ]}
          empty={<Box textAlign="center">No blackout dates yet.</Box>} />
        {change.error && <Problem error={change.error} />}
        <SpaceBetween size="m" direction="horizontal" alignItems="end">
          <FormField label="First day"><Day value={from} onChange={value => { setFrom(value); if (!to) setTo(value); }} label="Choose the first day" /></FormField>
          <FormField label="Last day"><Day value={to} onChange={value => setTo(value)} label="Choose the last day" /></FormField>
          <FormField label="Reason"><Input value={reason} placeholder="Optional" onChange={e => setReason(e.detail.value)} /></FormField>
          <Button {...(from && to && !there ? changing : { disabled: true, disabledReason: there ? 'These days are in the list already.' : 'Choose the first and the last day.' })} loading={change.isPending} onClick={() => set([...blackouts, { from, to, reason }], () => { setFrom(''); setTo(''); setReason(''); })}>Add blackout</Button>
        </SpaceBetween>
      </SpaceBetween>
    </Container>
  );
}

function Rollover({ group }: { group: Group }) {
  const changing = useMay()('admin');
  const { guard } = group;
  const [from, setFrom] = useState(guard.rollover?.from ?? '');
  const [to, setTo] = useState(guard.rollover?.to ?? '');
  const [share, setShare] = useState(String(Math.round(guard.rolloverShare * 100)));
  const change = useGroupChange(group, () => 'The rollover window was saved.');
  return (
    <Container header={<Header variant="h2" description={`At the end of a school year, many people leave at once. During the window, a sync is held only when it removes more than the share set here, instead of more than ${Math.round(guard.share * 100)} %.`}>Rollover window</Header>}>
      <SpaceBetween size="m">
        <SpaceBetween size="m" direction="horizontal" alignItems="end">
          <FormField label="Window opens"><Day value={from} onChange={value => setFrom(value)} label="Choose the day the window opens" /></FormField>
          <FormField label="Window closes"><Day value={to} onChange={value => setTo(value)} label="Choose the day the window closes" /></FormField>
          <FormField label="Hold above (%)"><Input type="number" inputMode="numeric" value={share} onChange={e => setShare(e.detail.value)} /></FormField>
          <Button loading={change.isPending} {...(changing.disabled || !from === !to ? changing : { disabled: true, disabledReason: 'Choose both days, or neither.' })} onClick={() => change.mutate({ guard: { ...guard, rolloverShare: Number(share) / 100, rollover: from && to ? { from, to } : null } })}>Save window</Button>
          {guard.rollover && <Button disabled={change.isPending} {...changing} onClick={() => change.mutate({ guard: { ...guard, rollover: null } })}>Close window</Button>}
        </SpaceBetween>
        {change.error && <Box color="text-status-error">{sentence(change.error)}</Box>}
      </SpaceBetween>
    </Container>
  );
}

function Rehearsal({ groupId }: { groupId: string }) {
  const navigate = useNavigate();
  return (
    <Container header={<Header variant="h2" description="Try next year’s data and see what it would change. Nothing is ever written." actions={<Button {...useMay()('operator')} onClick={() => void navigate(`/groups/${groupId}/rehearsal`)}>Start a rehearsal</Button>}>Rehearsal</Header>} />
  );
}
