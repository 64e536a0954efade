import Box from '@cloudscape-design/components/box';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useLocation, useNavigate } from 'react-router';
import { useMe } from './role';

const PAGES = [
  { id: 'status', text: 'Last sync status' },
  { id: 'selections', text: 'Saved selections' },
  { id: 'history', text: 'History' },
  { id: 'calendar', text: 'Calendar' },
  { id: 'rehearsal', text: 'Rehearsal' },
  { id: 'roster', text: 'Roster' },
  { id: 'applications', text: 'Applications' },
  { id: 'audit', text: 'Audit' },
] as const;
const FOR_ADMINS: readonly string[] = ['applications', 'audit'];

/** The pages of one group, side by side. */
export function GroupNav({ groupId }: { groupId: string }) {
  const navigate = useNavigate();
  const here = useLocation().pathname;
  const { role } = useMe();
  return (
    <nav aria-label="Pages of this group">
      <SpaceBetween size="m" direction="horizontal">
        {PAGES.filter(page => !FOR_ADMINS.includes(page.id) || role === 'admin').map(({ id, text }) => {
          const href = `/groups/${groupId}/${id}`;
          return here.startsWith(href)
            ? <span key={id} aria-current="page"><Box variant="span" fontWeight="bold">{text}</Box></span>
            : <Link key={id} href={href} onFollow={event => { event.preventDefault(); void navigate(href); }}>{text}</Link>;
        })}
      </SpaceBetween>
    </nav>
  );
}
