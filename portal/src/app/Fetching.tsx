import ProgressBar from '@cloudscape-design/components/progress-bar';
import SpaceBetween from '@cloudscape-design/components/space-between';
import type { Schemas } from '../api/client';
import { entityName, number } from './words';

/** How far each list of a provider's API is read, in pages. Nothing where no list is read. */
export function Fetching({ sync }: { sync: Schemas['Sync'] }) {
  const whole = sync.progress.some(each => each.step === 'fetch' && each.endedAt);
  const lists = Object.entries(sync.fetching);
  if (!lists.length) return null;
  return (
    <SpaceBetween size="xs">
      {lists.map(([entity, { done, total }]) => {
        const read = whole || (total != null && done >= total);
        return (
          <ProgressBar key={entity} label={entityName(entity)} status={read ? 'success' : 'in-progress'} resultText={`All ${number(done)} pages`}
            value={total ? (100 * done) / total : 0}
            additionalInfo={read ? undefined : total == null ? `${number(done)} pages; the provider doesn’t say how many there are` : `${number(done)} of ${number(total)} pages`} />
        );
      })}
    </SpaceBetween>
  );
}
