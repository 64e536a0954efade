import { createContext, useContext, useEffect, useState, type ReactNode } from 'react';

interface Titles { title: string; setTitle: (title: string) => void; setNews: (news: string) => void }
const TitleContext = createContext<Titles>({ title: '', setTitle: () => undefined, setNews: () => undefined });

/** The page that is open says what it is called; news (a sync that has ended) stands before it on the tab until it is looked at. */
export function Titles({ children }: { children: ReactNode }) {
  const [title, setTitle] = useState('');
  const [news, setNews] = useState('');
  useEffect(() => {
    document.title = `${news && `${news} – `}${title && `${title} – `}OneRoster Selective Sync`;
  }, [title, news]);
  useEffect(() => {
    if (!news) return;
    const seen = () => { if (document.visibilityState === 'visible') window.setTimeout(() => setNews(''), 5000); };
    seen();
    document.addEventListener('visibilitychange', seen);
    return () => document.removeEventListener('visibilitychange', seen);
  }, [news]);
  return <TitleContext.Provider value={{ title, setTitle, setNews }}>{children}</TitleContext.Provider>;
}

export const useShownTitle = () => useContext(TitleContext).title;
export const useNews = () => useContext(TitleContext).setNews;

export function useTitle(title: string) {
  const { setTitle } = useContext(TitleContext);
  useEffect(() => setTitle(title), [title, setTitle]);
}
