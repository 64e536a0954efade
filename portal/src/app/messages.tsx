import Flashbar, { type FlashbarProps } from '@cloudscape-design/components/flashbar';
import { createContext, useContext, useState, type ReactNode } from 'react';

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
      <ShownContext.Provider value={items.length ? <Flashbar items={items} /> : null}>{children}</ShownContext.Provider>
    </SayContext.Provider>
  );
}
