import { createContext, useContext, useEffect, useState, type ReactNode } from 'react';

const TitleContext = createContext<{ title: string; setTitle: (title: string) => void }>({ title: '', setTitle: () => undefined });

/** The page that is open says what it is called, and the frame around it shows that. */
export function Titles({ children }: { children: ReactNode }) {
  const [title, setTitle] = useState('');
  return <TitleContext.Provider value={{ title, setTitle }}>{children}</TitleContext.Provider>;
}

export const useShownTitle = () => useContext(TitleContext).title;

export function useTitle(title: string) {
  const { setTitle } = useContext(TitleContext);
  useEffect(() => {
    document.title = `${title} – OneRoster Selective Sync`;
    setTitle(title);
  }, [title, setTitle]);
}
