import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import TimeInput from '@cloudscape-design/components/time-input';
import type { Schemas } from '../api/client';
import { capital } from './words';

export type Schedule = Schemas['Schedule'];

export const MANUALLY: Schedule = { frequency: 'manual', at: '02:00', timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone, weekday: 'monday', day: 1, what: 'full' };

const FREQUENCIES: Record<Schedule['frequency'], string> = {
  manual: 'Manual',
  every6h: 'Every 6 hours',
  every12h: 'Every 12 hours',
  daily: 'Every day',
  weekdays: 'Monday to Friday',
  weekly: 'Once a week',
  monthly: 'Once a month',
};
const WEEKDAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const;
const ZONES = Intl.supportedValuesOf('timeZone').filter(name => name.includes('/') && !name.startsWith('Etc/')).concat('UTC').map(value => ({ value }));

const hoursAfter = (at: string, hours: number) => `${String((Number(at.slice(0, 2)) + hours) % 24).padStart(2, '0')}${at.slice(2)}`;

/** The schedule as one would say it. */
export function inWords(schedule: Schedule): string {
  const { frequency, at, timeZone, weekday, day } = schedule;
  if (frequency === 'manual') return 'A sync runs only when someone starts it.';
  const every = (hours: number) => Array.from({ length: 24 / hours }, (_, place) => hoursAfter(at, place * hours)).sort().join(', ');
  const when = {
    every6h: `every day at ${every(6)}`,
    every12h: `every day at ${every(12)}`,
    daily: `every day at ${at}`,
    weekdays: `from Monday to Friday at ${at}`,
    weekly: `every ${capital(weekday)} at ${at}`,
    monthly: `on day ${day} of each month${day > 28 ? ' (in a shorter month, on its last day)' : ''} at ${at}`,
  }[frequency];
  return `A sync starts ${when} (${timeZone.replaceAll('_', ' ')} time), or up to 15 minutes later.`;
}

/** The form's section. `method`: a ZIP group has nothing to fetch, so there is nothing to set. */
export function ScheduleSection({ schedule, onChange, method, nextRuns, paused = false, wrong }: {
  schedule: Schedule;
  onChange: (schedule: Schedule) => void;
  method: Schemas['GroupOut']['source']['method'];
  nextRuns?: Schemas['NextRun'][] | undefined;
  paused?: boolean;
  wrong: (field: string) => string | undefined;
}) {
  const set = (change: Partial<Schedule>) => onChange({ ...schedule, ...change });
  return (
    <Container header={<Header variant="h2" description="When the source is fetched automatically.">Schedule</Header>}>
      {method === 'zip' ? (
        <Box>A ZIP group has no schedule: upload ZIPs here, or drop them into the group’s folder, where a sync starts on its own.</Box>
      ) : (
        <SpaceBetween size="m">
          <FormField label="How often" errorText={wrong('schedule.frequency')}>
            <Select selectedOption={{ value: schedule.frequency, label: FREQUENCIES[schedule.frequency] }}
              options={Object.entries(FREQUENCIES).map(([value, label]) => ({ value, label }))}
              onChange={e => set({ frequency: e.detail.selectedOption.value as Schedule['frequency'] })} />
          </FormField>
          {schedule.frequency === 'weekly' && (
            <FormField label="Day of the week">
              <Select selectedOption={{ value: schedule.weekday, label: capital(schedule.weekday) }} options={WEEKDAYS.map(value => ({ value, label: capital(value) }))}
                onChange={e => set({ weekday: e.detail.selectedOption.value as Schedule['weekday'] })} />
            </FormField>
          )}
          {schedule.frequency === 'monthly' && (
            <FormField label="Day of the month" constraintText="1 to 31. In a shorter month, the last day." errorText={wrong('schedule.day')}>
              <Input type="number" inputMode="numeric" value={String(schedule.day)} onChange={e => set({ day: Number(e.detail.value) })} />
            </FormField>
          )}
          {schedule.frequency !== 'manual' && (
            <>
              <FormField label="Time of day" constraintText="24-hour time, such as 02:30." errorText={wrong('schedule.at')}>
                <TimeInput format="hh:mm" placeholder="hh:mm" value={schedule.at} onChange={e => set({ at: e.detail.value })} />
              </FormField>
              <FormField label="Time zone" description="The district’s own. Daylight saving time is handled for you." errorText={wrong('schedule.timeZone')}>
                <Select filteringType="auto" selectedOption={{ value: schedule.timeZone }} options={ZONES} onChange={e => set({ timeZone: e.detail.selectedOption.value ?? 'UTC' })} />
              </FormField>
            </>
          )}
          <Box>{inWords(schedule)}{paused && ' Scheduled syncs are paused; resume them on the Calendar page.'}</Box>
          {!paused && !!nextRuns?.length && (
            <FormField label="Next syncs, by the saved schedule">
              {nextRuns.map(({ at, localTime }) => (
                <Box key={at}>{localTime.slice(0, 10)} {localTime.slice(11, 16)} there, {at.slice(0, 10)} {at.slice(11, 16)} UTC</Box>
              ))}
            </FormField>
          )}
        </SpaceBetween>
      )}
    </Container>
  );
}
