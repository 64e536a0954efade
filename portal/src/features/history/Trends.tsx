import Box from '@cloudscape-design/components/box';
import ColumnLayout from '@cloudscape-design/components/column-layout';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import LineChart from '@cloudscape-design/components/line-chart';
import Link from '@cloudscape-design/components/link';
import { useNavigate } from 'react-router';
import type { Schemas } from '../../api/client';
import { duration, moment, number } from '../../app/words';

const SHOWN = 30;
const sum = (sync: Schemas['Sync'], of: (counts: Schemas['EntityCounts']) => number) => Object.values(sync.counts).reduce((total, each) => total + of(each), 0);

/** What is drawn, each of one sync: how many people it selected, rows it left out for errors, records it changed, and seconds it took. */
const CHARTS: { title: string; value: (sync: Schemas['Sync']) => number; shown: (value: number) => string }[] = [
  { title: 'People selected', value: sync => sync.counts.users.selected, shown: number },
  { title: 'Changes written', value: sync => sum(sync, each => each.created + each.updated + each.deactivated + each.ended), shown: number },
  { title: 'Rows left out for errors', value: sync => sum(sync, each => each.leftOut), shown: number },
  { title: 'Duration', value: sync => (sync.endedAt ? (Date.parse(sync.endedAt) - Date.parse(sync.startedAt)) / 1000 : 0), shown: duration },
];

/** The last 30 syncs that wrote or found nothing to write, the oldest first: an undo reads no source, and a rehearsal writes nothing. */
export const drawn = (syncs: readonly Schemas['Sync'][]) =>
  syncs.filter(sync => sync.state === 'succeeded' && sync.mode !== 'undo' && !sync.rehearsal)
    .sort((a, b) => b.startedAt.localeCompare(a.startedAt)).slice(0, SHOWN).reverse();

/** How a group's syncs develop; a point opens its sync. Nothing while there are fewer than two to compare. */
export function Trends({ groupId, syncs }: { groupId: string; syncs: readonly Schemas['Sync'][] }) {
  const navigate = useNavigate();
  const shown = drawn(syncs);
  if (shown.length < 2) return null;
  const at = (place: number) => shown[Math.round(place) - 1];
  const day = (place: number) => { const sync = Number.isInteger(place) ? at(place) : undefined; // between two syncs there is none
    return sync ? new Date(sync.startedAt).toLocaleDateString(undefined, { month: 'short', day: 'numeric' }) : ''; };
  return (
    <Container header={<Header variant="h2" description={`The last ${number(shown.length)} syncs that succeeded. Select a point to open its sync.`}>Trends</Header>}>
      <ColumnLayout columns={2}>
        {CHARTS.map(({ title, value, shown: inWords }) => {
          const data = shown.map((sync, place) => ({ x: place + 1, y: value(sync) }));
          return (
            <div key={title}>
              <Box variant="h3">{title}</Box>
              <LineChart
                series={[{ title, type: 'line', data, valueFormatter: inWords }]} height={140} hideFilter hideLegend
                xScaleType="linear" xDomain={[1, shown.length]} yDomain={[0, Math.max(5, ...data.map(each => each.y)) * 1.1]}
                ariaLabel={`${title}, last ${number(shown.length)} syncs`} xTitle="" yTitle=""
                i18nStrings={{ xTickFormatter: day, yTickFormatter: inWords }}
                detailPopoverFooter={place => {
                  const sync = at(place);
                  const href = `/groups/${groupId}/syncs/${sync?.syncId ?? ''}/changes`;
                  return sync && <Link href={href} onFollow={event => { event.preventDefault(); void navigate(href); }}>Open the sync of {moment(sync.startedAt)}</Link>;
                }}
              />
            </div>
          );
        })}
      </ColumnLayout>
    </Container>
  );
}
