import Box from '@cloudscape-design/components/box';
import HelpPanel from '@cloudscape-design/components/help-panel';
import Button from '@cloudscape-design/components/button';
import Link from '@cloudscape-design/components/link';
import { useLocation } from 'react-router';
import { useConfig } from './ConfigContext';

interface Topic { at: RegExp; title: string; text: readonly string[]; more: string }

/** One topic a page, the first whose address fits. `more` is a page of the docs. */
const TOPICS: readonly Topic[] = [
  { at: /^\/$/, title: 'Groups', more: 'admins/first-sync/', text: [
    'A group is one district: where its roster comes from, when, and how carefully it is synced.',
    'The first time: create a group, choose Actions, Selective sync, give it the district’s ZIP, select schools, classes and users, and look at the changes before you sync.',
    'Click a group’s name to see its last sync.'] },
  { at: /^\/overview/, title: 'Overview', more: 'admins/status/#all-groups-at-once', text: [
    'Every group in one list. Those that need attention come first: a held sync, an open question, a sync that failed or is late, a password about to expire, or new schools to decide about.',
    'Click what a group needs to go there.'] },
  { at: /^\/arrivals/, title: 'Unmatched files', more: 'admins/groups/#source', text: [
    'Files that were dropped into a folder that doesn’t belong to any group. They were not synced.', 'Tell the sender the right folder; then they can send the file again.'] },
  { at: /^\/deleted-groups/, title: 'Deleted groups', more: 'privacy/', text: [
    'Each deleted group, with what was deleted where. When the state says that nothing is left, the row is the certificate.', 'Open “What stays” to see what is kept, why, and for how long.'] },
  { at: /^\/groups\/new|^\/groups\/[^/]+$/, title: 'A group’s settings', more: 'admins/groups/', text: [
    'Save and test connection checks each step that a sync takes first, and changes nothing.',
    'Safety: a sync that would remove more than the limit waits until an administrator has looked at it. With “Always ask me before writing”, every sync that would change anything waits.',
    'Passwords and keys go in and are never shown again.'] },
  { at: /\/sync$/, title: 'Sync all data', more: 'admins/first-sync/', text: [
    'Brings in everything in the source, or a saved selection.', 'Select “Preview changes first” to see every change before anything is written.'] },
  { at: /\/selective/, title: 'Selective sync', more: 'admins/selective-sync/', text: [
    'Select schools, then their classes, then which people by status and user type. You can leave at any time and come back to the same question.',
    'Preview changes shows what would happen; nothing is written before you approve it.',
    'Whatever is not selected stays on the platform as it is, unless you select “Remove what is no longer selected”.'] },
  { at: /\/changes/, title: 'Changes', more: 'admins/held/', text: [
    'What this sync would change, or has changed. Every number opens its rows.',
    'Approve writes exactly what is shown. Approve without removals writes all but those who would be deactivated or ended. Discard writes nothing.'] },
  { at: /\/status/, title: 'Last sync status', more: 'admins/status/', text: [
    'In the source = selected + not selected + left out for errors. Of what is selected, some is created, some updated, the rest is unchanged.',
    'On the platform now counts everyone who is active there, whichever sync brought them. Someone who may not sign in is inactive and counted below, as is someone who was removed and can still come back.',
    'Orgs are schools and districts: the district above a selected school comes with it.',
    'Download log has a workbook with everything on this page and each row behind it.'] },
  { at: /\/history/, title: 'History', more: 'admins/status/#later', text: ['Every sync that is kept, newest first. Select two of them to compare what they read.', 'Trends draws the last 30 that succeeded; select a point to open its sync.'] },
  { at: /\/calendar/, title: 'Calendar', more: 'admins/groups/#schedule-and-calendar', text: [
    'When scheduled syncs run, and on which days they don’t. Manual and dropped-file syncs still run on those days.',
    'The rollover window is when a new school year starts and more removals are normal.'] },
  { at: /\/rehearsal/, title: 'Rehearsal', more: 'admins/rollover/', text: ['Reads next year’s data and shows what it would change. A rehearsal is never written.'] },
  { at: /selection/, title: 'Saved selections', more: 'admins/groups/#saved-selections', text: ['A selection of schools, classes and people under a name. A schedule or a dropped file can use it, so that nobody has to choose.'] },
  { at: /\/roster/, title: 'Roster', more: 'admins/status/#later', text: ['What is on the platform now. Click a name for the whole record.'] },
  { at: /\/trace/, title: 'Why is this person not here?', more: 'explain/', text: ['Follows one person or class from the source to the platform and says where it stopped.'] },
  { at: /\/sanity/, title: 'Does this roster look right?', more: 'admins/status/', text: ['Nothing here is an error. These findings often mean that something went wrong in the student information system.'] },
  { at: /\/audit/, title: 'Audit', more: 'admins/status/#later', text: ['Who did what to this group, and when.'] },
];
const ELSEWHERE: Topic = { at: /./, title: 'Help', more: '', text: ['Start from the list of groups.'] };

export function Help({ onClose }: { onClose: () => void }) {
  const here = useLocation().pathname;
  const { docsUrl } = useConfig();
  const topic = TOPICS.find(each => each.at.test(here)) ?? ELSEWHERE;
  return (
    <HelpPanel header={<h2>{topic.title}</h2>} footer={docsUrl ? <Link href={`${docsUrl}${topic.more}`} external externalIconAriaLabel="Opens in a new tab">Read more in the docs</Link> : undefined}>
      {topic.text.map(text => <p key={text}>{text}</p>)}
      <Box margin={{ top: 'm' }}><Button onClick={onClose}>Close help</Button></Box>
    </HelpPanel>
  );
}
