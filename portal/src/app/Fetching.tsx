import ProgressBar from '@cloudscape-design/components/progress-bar';
import SpaceBetween from '@cloudscape-design/components/space-between';
import type { Schemas } from '../api/client';
import { entityName, number } from './words';

/** How far each list of a provider's API is read, in pages, and about how long the rest takes. Nothing where no list is read.
 * `at`: when `sync` was looked at. */
export function Fetching({ sync, at }: { sync: Schemas['Sync']; at: number }) {
  const lists = Object.entries(sync.fetching);
  const step = sync.progress.find(each => each.step === 'fetch');
  if (!lists.length || !step) return null;
  const left = step.endedAt ? '' : timeLeft((at - Date.parse(step.startedAt)) / 1000, step.done, step.total ?? null);
  return (
    <SpaceBetween size="xs">
      {lists.map(([entity, { done, total }], place) => (
        <ProgressBar key={entity} variant="standalone" label={entityName(entity)} resultText={`${number(done)} pages`}
          status={step.endedAt || (total != null && done >= total) ? 'success' : 'in-progress'}
          value={total ? (100 * done) / total : 0}
          additionalInfo={`${total == null ? `${number(done)} pages; the provider doesn’t say how many there are` : `${number(done)} of ${number(total)} pages`}${place === 0 && left ? `; ${left}` : ''}`} />
      ))}
    </SpaceBetween>
  );
}

/** By the pace so far; nothing before there is a pace. */
export function timeLeft(passedSeconds: number, done: number, total: number | null): string {
  if (total == null || done < 2 || passedSeconds <= 0) return '';
  const seconds = (passedSeconds / done) * (total - done);
  if (seconds < 60) return 'less than a minute left';
  const minutes = Math.round(seconds / 60);
  return minutes === 1 ? 'about a minute left' : `about ${number(minutes)} minutes left`;
}
