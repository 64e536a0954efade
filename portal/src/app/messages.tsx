import type { FlashbarProps } from '@cloudscape-design/components/flashbar';
import { createContext, lazy, Suspense, useContext, useState, type ReactNode } from 'react';

const Flashbar = lazy(() => import('@cloudscape-design/components/flashbar')); // comes with the first message

type Say = (type: FlashbarProps.Type, content: string) => void;
const SayContext = createContext<Say>(() => undefined);
const ShownContext = createContext<ReactNode>(null);

export const useSay = () => useContext(SayContext);
export const useShownMessages = () => useContext(ShownContext);

/** Messages that outlive the page they come from, until somebody closes them. */
export function Messages({ children }: { children: ReactNode }) {
  const [items, setItems] = useState<FlashbarProps.MessageDefinition[]>([]);
  const say: Say = (type, content) => {
    const id = String(Date.now());
    const onDismiss = () => setItems(old => old.filter(item => item.id !== id));
    setItems([{ id, type, content, dismissible: true, dismissLabel: 'Close', onDismiss }]); // the newest is what counts
  };
  return (
    <SayContext.Provider value={say}>
      <ShownContext.Provider value={items.length ? <Suspense fallback={null}><Flashbar items={items} /></Suspense> : null}>{children}</ShownContext.Provider>
    </SayContext.Provider>
  );
}
