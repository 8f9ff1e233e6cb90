// An app behind a sign-in: the user registers, signs in, manages sessions and factors, and calls a back end.

import { isVestibuleError } from '@vestibule/client'
import {
  CancelEmailChange,
  MagicLink,
  Register,
  RequireSession,
  ResetPassword,
  Sessions,
  SignIn,
  StepUpDialog,
  VerifyEmail,
  VestibuleProvider,
  describeError,
  useTexts,
  useUser,
  useVestibule,
} from '@vestibule/react'
import { useState } from 'react'
import { vestibule } from './auth.ts'
import './App.css'

export default function App() {
  return (
    <VestibuleProvider client={vestibule}>
      <main>
        <Page />
      </main>
      <StepUpDialog />
    </VestibuleProvider>
  )
}

/** Links in mails lead to pages below `VESTIBULE_LINK_BASE_URL`. All other pages are the app. */
function Page() {
  const [path, setPath] = useState(location.pathname)
  const goHome = () => {
    history.pushState(null, '', '/')
    setPath('/')
  }
  switch (path) {
    case '/verify-email':
      return <VerifyEmail onSignIn={goHome} />
    case '/reset-password':
      return <ResetPassword onSignIn={goHome} />
    case '/magic-link':
      return <MagicLink onDone={goHome} onSignIn={goHome} />
    case '/cancel-email-change':
      return <CancelEmailChange onSignIn={goHome} />
    default:
      return (
        <RequireSession fallback={<Welcome />} loading={<p>Loading…</p>}>
          <Home />
        </RequireSession>
      )
  }
}

function Welcome() {
  const [isNew, setNew] = useState(false)
  return isNew ? <Register onSignIn={() => setNew(false)} /> : <SignIn onRegister={() => setNew(true)} />
}

function Home() {
  const client = useVestibule()
  const user = useUser()
  const texts = useTexts()
  const [said, say] = useState('')
  /** Does something, and says what came of it. */
  const attempt = (work: () => Promise<string>) => () =>
    void work().then(say, (error: unknown) =>
      say(isVestibuleError(error, 'step_up_cancelled') ? 'Nothing was changed.' : describeError(error, texts)),
    )
  return (
    <>
      <h1>Hello, {user?.email ?? user?.username ?? '…'}</h1>
      <button onClick={attempt(async () => `Added ${(await client.addPasskey('My passkey')).passkey.name}.`)}>
        Add a passkey
      </button>
      <button onClick={attempt(async () => `${(await client.renewRecoveryCodes()).length} new codes.`)}>
        New recovery codes
      </button>
      <button onClick={attempt(pay)}>Pay</button>
      <button onClick={attempt(async () => (await client.signOut(), ''))}>Sign out</button>
      <p role="status">{said}</p>
      <Sessions />
    </>
  )
}

/** Calls the back end, which demands a fresh proof for payments. */
async function pay(): Promise<string> {
  const url = new URL('/payments', import.meta.env.VITE_BACK_END_URL ?? location.origin)
  const answer = await vestibule.fetch(url, { method: 'POST', body: '5 euros' })
  return answer.ok ? 'Paid.' : `The back end answered ${answer.status}.`
}
