import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from 'react-router';
import { data, useApi, type Schemas } from '../../api/client';
import { actionWord, entityName, isLive, number, tenseOf } from '../../app/words';

const SHOWN = ['users', 'classes', 'orgs', 'enrollments'] as const;
const ACTIONS = ['created', 'returned', 'updated', 'deactivated', 'ended', 'unchanged'] as const;
/** How many records were changed in this way: who had been removed and comes back is no mere update. */
const changed = (counts: Schemas['EntityCounts'], action: (typeof ACTIONS)[number]) => counts[action] - (action === 'updated' ? counts.returned : 0);

const OTHERS = ['courses', 'academicSessions'] as const;

const BAR = [['selected', 'selected'], ['notSelected', 'not-selected'], ['leftOut', 'left-out']] as const;

/** What was read, split without a rest: selected, not selected, left out. Null where the parts don't make the whole, as with changes only. */
export function split(counts: Schemas['EntityCounts'], planned: boolean): { selected: number; notSelected: number; leftOut: number } | null {
  const notSelected = counts.read - counts.leftOut - counts.selected;
  return planned && counts.read > 0 && notSelected >= 0 ? { selected: counts.selected, notSelected, leftOut: counts.leftOut } : null;
}

/** Each figure means one thing: on the platform now, in the source, and what this sync does with it. All of them add up. */
export function Figures({ groupId, last }: { groupId: string; last: Schemas['LastSync'] }) {
  const api = useApi();
  const { data: platform } = useQuery({
    queryKey: ['platform', groupId, isLive(last.status) ? '' : last.syncId],
    queryFn: () => data(api.GET('/groups/{groupId}/platform', { params: { path: { groupId } } })),
  });
  const read = SHOWN.some(name => last[name].read > 0);
  const nothing = !isLive(last.status) && !last.planned && !read; // it ended before anything was read: there is nothing but the platform
  const some = (part: 'notSelected' | 'leftOut') => SHOWN.some(name => (split(last[name], last.planned)?.[part] ?? 0) > 0);
  const others = last.planned ? OTHERS.map(name => besides(name, last)).filter(Boolean) : [];
  const source = last.mode === 'undo' ? 'Taken back' : 'In the source';
  const changes = last.status === 'succeeded' ? 'This sync' : 'Planned';
  return (
    <Container header={<Header variant="h2" description={explained(last)}>In numbers</Header>}>
      <div className="scrolls" role="region" aria-label="Numbers of this sync" tabIndex={0}>
        <table className="matrix figures">
          <thead>
            <tr>
              <th scope="col">Record type</th>
              <th scope="col">On the platform now</th>
              {!nothing && <th scope="col">{source}</th>}
              {!nothing && <th scope="col">{changes}</th>}
            </tr>
          </thead>
          <tbody>
            {SHOWN.map(name => (
              <tr key={name}>
                <th scope="row">{entityName(name)}</th>
                <td data-label="On the platform now">{platform ? <Platform count={platform[name]} /> : '…'}</td>
                {!nothing && <td data-label={source}>{last.mode === 'undo' ? number(last[name].selected) : <Source name={entityName(name)} counts={last[name]} last={last} />}</td>}
                {!nothing && <td data-label={changes}><Changes counts={last[name]} last={last} entity={name} groupId={groupId} /></td>}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {read && last.planned && last.mode !== 'undo' && (
        <Box variant="small" padding={{ top: 's' }}>
          <span className="key selected" aria-hidden="true" /> Selected
          {some('notSelected') && <> <span className="key not-selected" aria-hidden="true" /> {NOT_SELECTED[last.mode]}</>}
          {some('leftOut') && <> <span className="key left-out" aria-hidden="true" /> Left out for errors</>}
        </Box>
      )}
      {others.length > 0 && <Box variant="small" display="block" padding={{ top: 's' }}>{others.join('. ')}.</Box>}
    </Container>
  );
}

/** What comes along with the classes: counted in the headline too, and said below the table so that everything adds up. */
function besides(name: (typeof OTHERS)[number], last: Schemas['LastSync']): string {
  const tense = tenseOf(last.status);
  const some = ACTIONS.filter(action => action !== 'unchanged' && changed(last[name], action) > 0).map(action => `${number(changed(last[name], action))} ${actionWord(action, tense)}`);
  return some.length ? `${entityName(name)}: ${some.join(', ')}` : '';
}

/** Who and what is active; below it the others that are there, so that what was created is found again. */
function Platform({ count }: { count: Schemas['PlatformCount'] }) {
  const others = [count.inactive && `${number(count.inactive)} inactive`, count.removed && `${number(count.removed)} removed, can come back`].filter(Boolean);
  return <div>{number(count.active)}{others.length > 0 && <Box variant="small" display="block">active; {others.join('; ')}</Box>}</div>; // one cell of a phone's card
}

/** Of a sync of everything, what is not selected is what the source itself has marked as deleted, and what belongs to that. */
const NOT_SELECTED: Record<Schemas['Mode'], string> = { full: 'Marked deleted in the source', selective: 'Not selected', undo: 'Not selected' };

function Source({ name, counts, last }: { name: string; counts: Schemas['EntityCounts']; last: Schemas['LastSync'] }) {
  if (!counts.read) return <>{isLive(last.status) ? 'Not read yet' : 'Nothing read'}</>;
  const parts = split(counts, last.planned);
  const words = parts
    ? [`${number(parts.selected)} selected`, parts.notSelected && `${number(parts.notSelected)} ${NOT_SELECTED[last.mode].toLowerCase()}`, parts.leftOut && `${number(parts.leftOut)} left out for errors`].filter(Boolean).join(', ')
    : counts.leftOut ? `${number(counts.leftOut)} left out for errors` : '';
  return (
    <div>
      <div>{number(counts.read)}</div>
      {parts && (
        <div className="bar" role="img" aria-label={`${name}: ${words}`}>
          {BAR.map(([part, look]) => parts[part] > 0 && <span key={part} className={look} style={{ flexGrow: parts[part] }} />)}
        </div>
      )}
      <Box variant="small">{words}</Box>
    </div>
  );
}

function Changes({ counts, last, entity, groupId }: { counts: Schemas['EntityCounts']; last: Schemas['LastSync']; entity: string; groupId: string }) {
  const navigate = useNavigate();
  if (!last.planned) return <>–</>;
  const tense = tenseOf(last.status);
  const some = ACTIONS.filter(name => changed(counts, name) > 0);
  if (!some.length) return <>Nothing</>;
  const verbs = { created: 'create', returned: 'update', updated: 'update', deactivated: 'deactivate', ended: 'end', unchanged: 'unchanged' } as const;
  return (
    <ul className="plain">
      {some.map(name => {
        const href = `/groups/${groupId}/syncs/${last.syncId}/changes?entity=${entity}&action=${verbs[name]}`;
        return <li key={name}><Link href={href} ariaLabel={`${number(changed(counts, name))} ${actionWord(name, tense)}: show the rows of ${entityName(entity).toLowerCase()}`} onFollow={event => { event.preventDefault(); void navigate(href); }}>{number(changed(counts, name))} {actionWord(name, tense)}</Link></li>;
      })}
    </ul>
  );
}

function explained(last: Schemas['LastSync']): string {
  if (isLive(last.status)) return !last.planned ? 'Counted as the sync goes on.' : last.written === 'nothing' ? 'Nothing is written yet.' : 'The changes are being written.';
  if (last.status === 'succeeded') return '';
  return last.written === 'some' ? 'Part of what was planned was written.' : last.written === 'all' ? 'All that was planned was written.' : last.planned ? 'Nothing of what was planned was written.' : '';
}
