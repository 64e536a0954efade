import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import { useNavigate } from 'react-router';
import { FailedRequest, sentence } from '../api/client';
import { headerOf } from '../api/plain';

/** What went wrong and what to do; never a blank page. A busy group's refusal leads to the sync that runs. */
export function Problem({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const navigate = useNavigate();
  const problem = error instanceof FailedRequest ? error.problem : null;
  const running = problem?.syncId?.split('-')[0];
  return (
    <div role="alert">
      <Alert type="error" header={headerOf(problem ?? { status: 0 })}
        action={running ? <Button formAction="none" onClick={() => void navigate(`/groups/${running}/status`)}>Open the running sync</Button> : onRetry && <Button formAction="none" onClick={onRetry}>Try again</Button>}>
        {sentence(error)}
      </Alert>
    </div>
  );
}
