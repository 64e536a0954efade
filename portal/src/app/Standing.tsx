import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { standing } from './words';

/** How a sync stands, wherever syncs are listed. */
export function Standing({ sync }: { sync: Parameters<typeof standing>[0] }) {
  const { label, type } = standing(sync);
  return <StatusIndicator type={type}>{label}</StatusIndicator>;
}
