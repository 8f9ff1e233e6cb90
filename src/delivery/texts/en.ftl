# The English texts of messages. A test checks that every message has all its texts: a subject, a lead, and a text
# message or the label of its link.
#
# $service names the deployment. Texts for phones stay within the GSM 7-bit alphabet (3GPP TS 23.038): one character
# outside it halves what fits into a message.

second-factor-code =
    .subject = Your code for { $service }
    .lead = Enter this code to finish signing in to { $service }:
    .sms = { $code } is your code for { $service }. It is valid for { minutes }. Never share it.
confirmation-code =
    .subject = Confirm that this is your address
    .lead = Enter this code to receive codes for { $service } here from now on:
    .sms = { $code } confirms your number for { $service }. It is valid for { minutes }. Never share it.

passkey-added =
    .subject = A passkey was added
    .lead = The passkey “{ $name }” was added to your account at { $service }. It can be used to sign in.
    .sms = { $service }: a passkey was added to your account. { sms-not-you }
passkey-removed =
    .subject = A passkey was removed
    .lead = The passkey “{ $name }” was removed from your account at { $service }. It can no longer be used to sign in.
    .sms = { $service }: a passkey was removed from your account. { sms-not-you }
passkey-cloned =
    .subject = A passkey may have been copied
    .lead = The passkey “{ $name }” of your account at { $service } was refused, because a copy of it may exist. Remove it, and add another one.
    .sms = { $service }: a passkey of your account may have been copied, and was refused. { sms-not-you }
authenticator-added =
    .subject = An authenticator app was added
    .lead = An authenticator app was added to your account at { $service }. From now on, signing in requires a code from it.
    .sms = { $service }: an authenticator app was added to your account. { sms-not-you }
authenticator-replaced =
    .subject = Your authenticator app was replaced
    .lead = The authenticator app of your account at { $service } was replaced by another. Codes from the old one no longer work.
    .sms = { $service }: your authenticator app was replaced by another. { sms-not-you }
authenticator-removed =
    .subject = Your authenticator app was removed
    .lead = The authenticator app was removed from your account at { $service }. Codes from it no longer work.
    .sms = { $service }: your authenticator app was removed. { sms-not-you }
recovery-codes-replaced =
    .subject = You have new recovery codes
    .lead = New recovery codes were made for your account at { $service }. The old ones no longer work.
    .sms = { $service }: new recovery codes were made, the old ones no longer work. { sms-not-you }
recovery-code-used =
    .subject = A recovery code was used
    .lead = A recovery code was used to sign in to your account at { $service }. { $remaining ->
        [0] None are left: make new ones soon.
        [one] One is left: make new ones soon.
       *[other] { $remaining } are left.
    }
    .sms = { $service }: a recovery code was used to sign in, { $remaining } left. { sms-not-you }
email-factor-added =
    .subject = You can now sign in with codes by e-mail
    .lead = Codes by e-mail were added to your account at { $service } as a way to finish signing in.
    .sms = { $service }: codes by e-mail were added to your account. { sms-not-you }
email-factor-removed =
    .subject = Codes by e-mail were removed
    .lead = Codes by e-mail no longer work for signing in to your account at { $service }.
    .sms = { $service }: codes by e-mail were removed from your account. { sms-not-you }
phone-factor-added =
    .subject = You can now sign in with codes by text message
    .lead = Codes by text message to the number that ends in { $hint } were added to your account at { $service } as a way to finish signing in.
    .sms = { $service }: codes to the number ending in { $hint } were added to your account. { sms-not-you }
phone-factor-removed =
    .subject = Codes by text message were removed
    .lead = Codes by text message no longer work for signing in to your account at { $service }.
    .sms = { $service }: codes by text message were removed from your account. { sms-not-you }
refresh-token-reused =
    .subject = We signed one of your devices out
    .lead = The session of one of your devices at { $service } may have been copied, so we ended it. If you are asked to sign in again, this is why.
    .sms = { $service }: we ended one of your sessions, because it may have been copied. { sms-not-you }
device-trusted =
    .subject = A device was trusted
    .lead = After a second factor on a device, your account at { $service } trusts that device: { $days ->
        [one] for one day
       *[other] for { $days } days
    } it can sign in with your password alone.
    .sms = { $service }: a device can now sign in with your password alone. { sms-not-you }
api-key-created =
    .subject = An API key was made
    .lead = The API key “{ $name }” was made for your account at { $service }. With it, a program can act for you without signing in.
    .sms = { $service }: an API key was made for your account. { sms-not-you }
identity-linked =
    .subject = You can sign in with { $provider }
    .lead = Your account at { $service } was connected with { $account ->
        [none] an account
       *[other] the account { $account }
    } at { $provider }. From now on, that account can be used to sign in. If this was not you, disconnect it under “Security”.
    .sms = { $service }: your account was connected with an account at { $provider }. Not you? Disconnect it under Security.
identity-unlinked =
    .subject = An account at { $provider } was disconnected
    .lead = { $account ->
        [none] An account
       *[other] The account { $account }
    } at { $provider } was disconnected from your account at { $service }. It can no longer be used to sign in.
    .sms = { $service }: an account at { $provider } was disconnected from your account. { sms-not-you }
device-token-reused =
    .subject = One of your devices is not trusted any longer
    .lead = What makes one of your devices trusted at { $service } may have been copied, and your password was entered with it. The device is not trusted any longer: its next login requires a second factor.
    .sms = { $service }: one of your devices is not trusted any longer, because it may have been copied. { sms-not-you }

second-factor-failures =
    .subject = Wrong codes were entered
    .lead = Several wrong codes were entered for your account at { $service }. Entering codes requires your password, access to your mail, or a device where you are signed in. None of the codes was accepted.
    .sms = { $service }: several wrong codes were entered for your account. { sms-not-you }
password-failures =
    .subject = Your current password was entered incorrectly
    .lead = On a device that is signed in to your account at { $service }, several wrong passwords were entered when we asked for the current one. None of them was accepted.
    .sms = { $service }: several wrong passwords were entered where you are signed in. { sms-not-you }
sign-in-after-failures =
    .subject = Signed in after many wrong codes
    .lead = After many wrong codes, a correct one was entered for your account at { $service }.
    .sms = { $service }: a correct code was entered after many wrong ones. { sms-not-you }
password-disabled =
    .subject = Your password was disabled
    .lead = A hundred consecutive wrong passwords were entered for your account at { $service }. None of them was accepted, but your password no longer works. Choose "forgotten password" where you sign in, and set a new one. Where you are signed in, you stay signed in.
    .sms = { $service }: your password was disabled after many wrong ones. Set a new one.
second-factors-disabled =
    .subject = Your second factors were disabled
    .lead = An attacker knows the password of your account at { $service }, or can read your mail, and entered a hundred consecutive wrong codes. None of them was accepted, but your codes no longer work. Set a new password first. Then sign in with a recovery code, and set up your authenticator app again. If you have no recovery code, ask the operators of { $service }.
    .sms = { $service }: your second factors were disabled after many wrong codes. Set a new password.
password-refused-to-strangers =
    .subject = Your password works only where you signed in lately
    .lead = Fifty wrong passwords were entered for your account at { $service }, from networks that you have not signed in from within 30 days. None of them was accepted. Your password still works where you signed in lately. Elsewhere it is refused until you sign in with it where it works, or set a new one: choose "forgotten password" where you sign in. Signing in with a passkey or with a link by mail works everywhere.
    .sms = { $service }: after many wrong passwords, yours works only where you signed in lately.
second-factors-refused-to-strangers =
    .subject = Your codes work only where you signed in lately
    .lead = An attacker knows the password of your account at { $service }, or can read your mail, and entered fifty wrong codes from networks that you have not signed in from within 30 days. None of them was accepted. Your codes still work where you signed in lately; elsewhere, sign in with a passkey or a recovery code. Set a new password first.
    .sms = { $service }: after many wrong codes, yours work only where you signed in lately. Set a new password.
new-sign-in =
    .subject = A new sign-in
    .lead = There was a new sign-in to your account at { $service }, from a place and with a program that we have not seen before.
    .sms = { $service }: a new sign-in to your account. { sms-not-you }
email-verification =
    .subject = Verify your address
    .lead = Verify that this is your address, so that { $service } can reach you:
    .link = Verify this address
email-change =
    .subject = Use this address for an account
    .lead = A user who is signed in to an account at { $service } asked to use this address for it. If that is you, confirm it, and your account has this address from then on:
    .link = Use this address
email-change-requested =
    .subject = A change of your address was requested
    .lead = A device that is signed in to your account at { $service } requested another address for it. The address changes once the new one is verified. If that was not you, stop the change with this link. It also ends all sessions of your account:
    .link = Stop the change
email-changed =
    .subject = Your address was changed
    .lead = Your account at { $service } now has another address. Messages no longer go to this one.
    .sms = { $service }: the address of your account was changed. { sms-not-you }
magic-link =
    .subject = Sign in to { $service }
    .lead = This link signs you in without your password. Your second factor is still required:
    .link = Sign in
password-reset =
    .subject = Set a new password
    .lead = With this link you set a new password for your account at { $service }:
    .link = Set a new password
password-changed =
    .subject = Your password was changed
    .lead = The password of your account at { $service } was changed, and all other sessions have ended.
    .sms = { $service }: your password was changed. { sms-not-you }
password-was-reset =
    .subject = You have a new password
    .lead = A new password was set for your account at { $service } with a link from a mail, and all sessions have ended.
    .sms = { $service }: a new password was set for your account. { sms-not-you }
password-removed =
    .subject = Your password was removed
    .lead = The password of your account at { $service } was removed with a passkey, and all other sessions have ended. From now on you sign in with a passkey.
    .sms = { $service }: your password was removed. { sms-not-you }
password-set =
    .subject = Your account has a password
    .lead = A password was set for your account at { $service }, which had none. Your passkeys stay.
    .sms = { $service }: a password was set for your account. { sms-not-you }
username-changed =
    .subject = Your user name was changed
    .lead = The user name of your account at { $service } was changed. The old one no longer signs you in.
    .sms = { $service }: your user name was changed. { sms-not-you }
account-exists =
    .subject = You already have an account
    .lead = A registration with this address was attempted at { $service }, perhaps by you. The address already has an account, and nothing was changed.
    .sms = { $service }: a registration was attempted, but you already have an account.
unconfirmed-account =
    .subject = Set a password for your account
    .lead = A registration with this address was attempted at { $service }. The address already has an account, which was never verified. With this link you set a password for it, and the account is yours alone:
    .link = Set a password
registration-started =
    .subject = Set up your account
    .lead = An account at { $service } was registered with this address. With this link you set it up, and it is yours alone:
    .link = Set up the account
account-exported =
    .subject = Your data was downloaded
    .lead = All data that { $service } stores about your account was downloaded, on a device where you are signed in.
    .sms = { $service }: all data of your account was downloaded. { sms-not-you }
account-deleted =
    .subject = Your account was deleted
    .lead = Your account at { $service } was deleted, with everything that belonged to it.
    .sms = { $service }: your account was deleted.
invitation =
    .subject = Your account at { $service }
    .lead = At { $service } there is an account for you. With this link you set its password, or a passkey in its place:
    .link = Set up the account
second-factors-reset =
    .subject = Your second factors were removed
    .lead = An administrator of { $service } removed all second factors and recovery codes of your account, and ended all its sessions. You set up new ones when you next sign in.
    .sms = { $service }: all second factors of your account were removed. { sms-not-you }
webhook-created =
    .subject = There is a new webhook
    .lead = { $by ->
        [operator] On the command line of { $service }, a webhook was created
       *[administrator] With the account { $author }, a webhook of { $service } was created
    } that leads to { $site }. It is told what happens to accounts from now on{ $addresses ->
        [included] , with the addresses and the user names of users.
       *[none] .
    }
    .sms = { $service }: a webhook was created that leads to { $site }.
webhook-url-changed =
    .subject = A webhook has another URL
    .lead = { $by ->
        [operator] On the command line of { $service }, the URL of a webhook was changed
       *[administrator] With the account { $author }, the URL of a webhook of { $service } was changed
    }. It now leads to { $site }, which is told what happens to accounts.
    .sms = { $service }: the URL of a webhook was changed, it now leads to { $site }.
webhook-addresses-included =
    .subject = A webhook gets the addresses of users
    .lead = { $by ->
        [operator] On the command line of { $service }, a webhook was changed
       *[administrator] With the account { $author }, a webhook of { $service } was changed
    } that leads to { $site }. Its messages contain the addresses and the user names of users from now on.
    .sms = { $service }: the webhook that leads to { $site } gets the addresses of users.
webhook-secret-rotated =
    .subject = A webhook has a new secret
    .lead = { $by ->
        [operator] On the command line of { $service }, a new secret was made
       *[administrator] With the account { $author } at { $service }, a new secret was made
    } for the webhook that leads to { $site }. With it, messages can be signed that its receiver believes.
    .sms = { $service }: the webhook that leads to { $site } has a new secret.
webhook-deleted =
    .subject = A webhook was deleted
    .lead = { $by ->
        [operator] On the command line of { $service }, a webhook was deleted
       *[administrator] With the account { $author }, a webhook of { $service } was deleted
    } that led to { $site }. The messages that were still to be sent there are deleted too.
    .sms = { $service }: the webhook that led to { $site } was deleted.
administrator-changed =
    .subject = { $change ->
        [granted] There is another administrator
        [enabled] An administrator was enabled again
        [disabled] An administrator was disabled
        [deleted] An administrator was deleted
       *[revoked] An administrator lost the role
    }
    .lead = { $by ->
        [operator] On the command line of { $service },
       *[administrator] With the account { $author } of { $service },
    } { $change ->
        [granted] the account { $account } was made an administrator.
        [enabled] the account { $account } of an administrator was enabled again.
        [disabled] the account { $account } of an administrator was disabled.
        [deleted] the account { $account } of an administrator was deleted.
       *[revoked] the role of administrators was taken from the account { $account }.
    }
    .sms = { $service }: the administrator { $account } was changed.

minutes = { $minutes ->
        [one] one minute
       *[other] { $minutes } minutes
    }
sms-not-you = Not you? Change your password.

lasts = The code is valid for { minutes } and works once.
never-share = Never share it, not even if you are asked to in the name of { $service }: we never ask for it.
code-not-you = If you did not ask for a code, an attacker may know your password: change it. Without this code, they cannot sign in.
confirmation-not-you = If you did not ask for this, ignore this message: nothing happens without the code.
link-lasts = The link is valid for { minutes } and works once.
never-forward = Never forward this mail: the link also works for its recipient.
link-not-you = If you did not ask for this, ignore this message: nothing changes without the link.
verification-not-you = If you do not know { $service }, ignore this message, and do not confirm: the address was probably mistyped.
email-change-not-you = If it is not you, ignore this message, and do not confirm: otherwise an account that is not yours gets your address.
email-change-requested-advice = If it was you, you need not do anything. If it was not, use the link, then change your password right away, and check your second factors.
account-exists-advice = If it was you, sign in, or set a new password if you forgot yours. If it was not, you need not do anything.
unconfirmed-account-not-you = If it was not you, you need not do anything: the account cannot be confirmed without this mailbox.
disabled-advice = Such attacks usually target many accounts. Choose a password that you use nowhere else.
repeated = Within ten minutes of our last message about this, it happened { $repeats } more times. The details above are those of the last time.
notice-not-you = If this was not you, change your password right away, end the sessions that you do not recognise, and check your second factors.
invitation-lasts = The link is valid for { $hours } hours and works once. After that, ask the operators of { $service } for another invitation.
invitation-not-you = If you do not know { $service }, ignore this message: the account cannot be used without the link.
second-factors-reset-advice = Sign in soon: until you do, your password or a link in a mail is enough to set up new ones.
second-factors-reset-not-you = If you did not ask for this, change your password right away, and inform the operators of { $service }.
webhook-not-meant = You get this mail because you are an administrator. If no administrator meant to do this, disable or delete the webhook, end the sessions of the account that did it, and check its second factors.
administrator-not-meant = You get this mail because you are an administrator, or were one until now. If no administrator meant to do this, end the sessions of the account that did it, check its second factors, and have an operator of the server undo the change.

when = When
address = From the address
browser = With
unknown = unknown
program-unknown = an unknown program
program-app = an app
program-on-system = { $program } on { $system }
automatic = { $service } sent this message automatically; replies are not read.
