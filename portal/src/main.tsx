import '@cloudscape-design/global-styles/index.css';
import './app/theme.css';
import { createRoot } from 'react-dom/client';
import { App } from './app/App';
import { readConfig } from './app/config';

const place = document.getElementById('root');
if (!place) throw new Error('index.html has no root');
const root = createRoot(place);
readConfig()
  .then(config => root.render(<App config={config} />))
  .catch(() => root.render(<p>The portal’s configuration can’t be read. Try again in a minute, or tell your operator.</p>));
