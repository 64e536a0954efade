import type { FlashbarProps } from '@cloudscape-design/components/flashbar';
import { createContext, lazy, Suspense, useCallback, useContext, useEffect, useState, type ReactNode } from 'react';
import { useLocation } from 'react-router';

const Flashbar = lazy(() => import('@cloudscape-design/components/flashbar')); // comes with the first message

/** `syncId`: the sync that the message is about; what it said of its start is over once the sync has ended. */
type Say = (type: FlashbarProps.Type, content: string, syncId?: string) => void;
interface Said { id: string; type: FlashbarProps.Type; content: string; syncId: string | undefined; at: number }

const SayContext = createContext<Say>(() => undefined);
const EndedContext = createContext<(syncId: string) => void>(() => undefined);
const ShownContext = createContext<ReactNode>(null);

export const useSay = () => useContext(SayContext);
/** Takes away what was said about a sync's start, when it has ended: a green “started” beside a refusal misleads. */
export const useEnded = () => useContext(EndedContext);
export const useShownMessages = () => useContext(ShownContext);

const ON_THE_WAY_MS = 2000; // a message is often said just before the page is left for the one it belongs to
const goes = ({ type }: Said) => type === 'success' || type === 'info';

/**
 * The newest message. What went well is told on the page to which it leads, and goes with that page; anything else stays until
 * somebody closes it.
 */
export function Messages({ children }: { children: ReactNode }) {
  const { pathname } = useLocation();
  const [said, setSaid] = useState<Said | null>(null);
  const say = useCallback<Say>((type, content, syncId) => setSaid({ id: String(Date.now()), type, content, syncId, at: Date.now() }), []);
  const ended = useCallback((syncId: string) => setSaid(old => (old?.syncId === syncId ? null : old)), []);
  useEffect(() => {
    const left = window.setTimeout(() => setSaid(old => (old && goes(old) && Date.now() - old.at > ON_THE_WAY_MS ? null : old)), 0);
    return () => window.clearTimeout(left);
  }, [pathname]);
  const items: FlashbarProps.MessageDefinition[] = said
    ? [{ id: said.id, type: said.type, content: said.content, dismissible: true, dismissLabel: 'Close', onDismiss: () => setSaid(null) }]
    : [];
  return (
    <SayContext.Provider value={say}>
      <EndedContext.Provider value={ended}>
        <ShownContext.Provider value={items.length ? <Suspense fallback={null}><Flashbar items={items} /></Suspense> : null}>{children}</ShownContext.Provider>
      </EndedContext.Provider>
    </SayContext.Provider>
  );
}
