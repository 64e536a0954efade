import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { useApi, whole, type Schemas } from '../../api/client';
import { kindOf, standing } from '../../app/words';

type Group = Schemas['GroupOut'];
const iso = (year: number, month: number, day: number) => `${year}-${String(month + 1).padStart(2, '0')}-${String(day).padStart(2, '0')}`;
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** Whether the schedule has a sync on this day of the group's own time zone. */
function falls(schedule: Group['schedule'], year: number, month: number, day: number): boolean {
  const weekday = new Date(Date.UTC(year, month, day)).getUTCDay();
  const last = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  switch (schedule.frequency) {
    case 'manual': return false;
    case 'weekdays': return weekday > 0 && weekday < 6;
    case 'weekly': return DAYS[weekday]?.toLowerCase() === schedule.weekday;
    case 'monthly': return day === Math.min(schedule.day, last);
    default: return true;
  }
}

/** A month of the group: what is scheduled, what ran, and the days on which the schedule doesn't run. */
export function Month({ group }: { group: Group }) {
  const api = useApi();
  const navigate = useNavigate();
  const zone = group.schedule.timeZone;
  const dayOf = (at: string | Date) => new Intl.DateTimeFormat('en-CA', { timeZone: zone, dateStyle: 'short' }).format(new Date(at));
  const [today] = useState(() => dayOf(new Date()));
  const [[year, month], setShown] = useState<[number, number]>(() => [Number(today.slice(0, 4)), Number(today.slice(5, 7)) - 1]);
  const { data: history } = useQuery({ queryKey: ['history', group.groupId, 'calendar'], queryFn: () => whole(query => api.GET('/groups/{groupId}/syncs', { params: { path: { groupId: group.groupId }, query } })) });
  const turn = (by: number) => { const next = new Date(Date.UTC(year, month + by, 1)); setShown([next.getUTCFullYear(), next.getUTCMonth()]); };
  const length = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  const before = new Date(Date.UTC(year, month, 1)).getUTCDay();
  const cells = [...Array<number>(before).fill(0), ...Array.from({ length }, (_, place) => place + 1)];
  const weeks = Array.from({ length: Math.ceil(cells.length / 7) }, (_, week) => Array.from({ length: 7 }, (_unused, place) => cells[week * 7 + place] ?? 0));
  const { pause, blackouts } = group.calendar;
  const { rollover } = group.guard;
  const within = (day: string, days: { from: string; to: string } | null | undefined) => !!days && days.from <= day && day <= days.to;
  const name = new Date(Date.UTC(year, month, 15)).toLocaleDateString(undefined, { month: 'long', year: 'numeric', timeZone: 'UTC' });
  return (
    <Container header={<Header variant="h2" description={`Days of the district’s time zone, ${zone.replaceAll('_', ' ')}.`} actions={<SpaceBetween size="xs" direction="horizontal"><Button iconName="angle-left" ariaLabel="Previous month" onClick={() => turn(-1)} /><Button iconName="angle-right" ariaLabel="Next month" onClick={() => turn(1)} /></SpaceBetween>}>{name}</Header>}>
      <table className="month">
        <thead><tr>{DAYS.map(day => <th scope="col" key={day}><abbr title={day}>{day.slice(0, 3)}</abbr></th>)}</tr></thead>
        <tbody>
          {weeks.map((week, row) => (
            <tr key={row}>
              {week.map((day, place) => {
                if (!day) return <td key={place} className="none" />;
                const date = iso(year, month, day);
                const ran = (history?.items ?? []).filter(sync => dayOf(sync.startedAt) === date);
                const blackout = blackouts.find(each => within(date, each));
                const paused = !!pause && (!pause.until || date <= pause.until);
                const scheduled = date >= today && falls(group.schedule, year, month, day);
                const something = ran.length > 0 || blackout || scheduled || within(date, rollover);
                return (
                  <td key={place} className={something ? '' : 'nothing'} {...(date === today ? { 'aria-current': 'date' as const } : {})}>
                    <b>{day}</b>
                    {ran.map(sync => <div key={sync.syncId}><StatusIndicator type={standing(sync).type}><Link href={`/groups/${group.groupId}/history`} onFollow={event => { event.preventDefault(); void navigate(`/groups/${group.groupId}/history`); }}>{kindOf(sync)}</Link></StatusIndicator></div>)}
                    {blackout ? <div>Blackout{blackout.reason && `: ${blackout.reason}`}</div> : scheduled && <div>{paused ? 'Paused' : `Scheduled, ${group.schedule.at}`}</div>}
                    {within(date, rollover) && <div>Rollover window</div>}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </Container>
  );
}
