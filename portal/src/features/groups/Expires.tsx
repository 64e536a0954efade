import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useState } from 'react';
import type { Schemas } from '../../api/client';
import { moment } from '../../app/words';

const SOON_MS = 30 * 24 * 60 * 60 * 1000;

/** Until when a secret is valid, where that is known; `urgent`: only from a month before. */
export function Expires({ mark, urgent = false }: { mark: Schemas['CredentialsMark'] | null | undefined; urgent?: boolean }) {
  const [now] = useState(() => Date.now());
  if (!mark?.expiresAt) return null;
  const left = new Date(mark.expiresAt).getTime() - now;
  if (urgent && left >= SOON_MS) return null;
  return (
    <StatusIndicator type={left < 0 ? 'error' : left < SOON_MS ? 'warning' : 'info'}>
      {urgent ? 'Its secret ' : 'It '}{left < 0 ? 'was valid until ' : 'is valid until '}{moment(mark.expiresAt)}{left < SOON_MS && '. Ask the district for a new one.'}
    </StatusIndicator>
  );
}
