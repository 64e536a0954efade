import type { Schemas } from '../api/client';

/** The pause of a group's schedule that holds today, in the schedule's own time zone; one that has run out is none. */
export function pauseOf(group: Pick<Schemas['GroupOut'], 'calendar' | 'schedule'>): Schemas['Pause'] | null {
  const pause = group.calendar.pause;
  if (!pause) return null;
  const today = new Intl.DateTimeFormat('en-CA', { timeZone: group.schedule.timeZone, dateStyle: 'short' }).format(new Date());
  return !pause.until || pause.until >= today ? pause : null;
}
