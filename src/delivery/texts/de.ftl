# The German texts of messages. The ids are those of en.ftl.

second-factor-code =
    .subject = Ihr Code für { $service }
    .lead = Mit diesem Code schließen Sie die Anmeldung bei { $service } ab:
    .sms = { $code } ist Ihr Code für { $service }, { minutes } gültig. Geben Sie ihn niemals weiter.
confirmation-code =
    .subject = Bestätigen Sie Ihre Adresse
    .lead = Geben Sie diesen Code ein, um künftig hier Codes für { $service } zu erhalten:
    .sms = { $code } bestätigt Ihre Nummer für { $service }, { minutes } gültig. Geben Sie ihn niemals weiter.

passkey-added =
    .subject = Ein Passkey wurde hinzugefügt
    .lead = Ihrem Konto bei { $service } wurde der Passkey „{ $name }“ hinzugefügt. Mit ihm kann man sich anmelden.
    .sms = { $service }: Ihrem Konto wurde ein Passkey hinzugefügt. { sms-not-you }
passkey-removed =
    .subject = Ein Passkey wurde entfernt
    .lead = Der Passkey „{ $name }“ wurde aus Ihrem Konto bei { $service } entfernt. Mit ihm kann man sich nicht mehr anmelden.
    .sms = { $service }: Ein Passkey wurde aus Ihrem Konto entfernt. { sms-not-you }
passkey-cloned =
    .subject = Ein Passkey wurde vielleicht kopiert
    .lead = Der Passkey „{ $name }“ Ihres Kontos bei { $service } wurde abgelehnt, weil es vielleicht eine Kopie von ihm gibt. Entfernen Sie ihn, und richten Sie einen anderen ein.
    .sms = { $service }: Ein Passkey Ihres Kontos wurde vielleicht kopiert und darum abgelehnt. { sms-not-you }
authenticator-added =
    .subject = Eine Authenticator-App wurde hinzugefügt
    .lead = Ihrem Konto bei { $service } wurde eine Authenticator-App hinzugefügt. Zur Anmeldung brauchen Sie künftig einen Code aus dieser App.
    .sms = { $service }: Ihrem Konto wurde eine Authenticator-App hinzugefügt. { sms-not-you }
authenticator-replaced =
    .subject = Ihre Authenticator-App wurde ersetzt
    .lead = Die Authenticator-App Ihres Kontos bei { $service } wurde durch eine andere ersetzt. Codes aus der bisherigen App gelten nicht mehr.
    .sms = { $service }: Ihre Authenticator-App wurde durch eine andere ersetzt. { sms-not-you }
authenticator-removed =
    .subject = Ihre Authenticator-App wurde entfernt
    .lead = Die Authenticator-App wurde aus Ihrem Konto bei { $service } entfernt. Codes aus dieser App gelten nicht mehr.
    .sms = { $service }: Ihre Authenticator-App wurde entfernt. { sms-not-you }
recovery-codes-replaced =
    .subject = Sie haben neue Wiederherstellungscodes
    .lead = Für Ihr Konto bei { $service } wurden neue Wiederherstellungscodes erstellt. Die bisherigen gelten nicht mehr.
    .sms = { $service }: Es gibt neue Wiederherstellungscodes, die alten gelten nicht mehr. { sms-not-you }
recovery-code-used =
    .subject = Ein Wiederherstellungscode wurde verwendet
    .lead = Mit einem Wiederherstellungscode hat sich jemand bei Ihrem Konto bei { $service } angemeldet. { $remaining ->
        [0] Es ist keiner mehr übrig: Erstellen Sie bald neue.
        [one] Es ist noch einer übrig: Erstellen Sie bald neue.
       *[other] Es sind noch { $remaining } übrig.
    }
    .sms = { $service }: Anmeldung mit einem Wiederherstellungscode, noch { $remaining } übrig. { sms-not-you }
email-factor-added =
    .subject = Sie können sich jetzt mit Codes per E-Mail anmelden
    .lead = Für die Anmeldung bei Ihrem Konto bei { $service } können jetzt auch Codes per E-Mail verwendet werden.
    .sms = { $service }: Für Ihr Konto wurden Codes per E-Mail eingerichtet. { sms-not-you }
email-factor-removed =
    .subject = Codes per E-Mail wurden entfernt
    .lead = Bei der Anmeldung bei Ihrem Konto bei { $service } gelten Codes per E-Mail nicht mehr.
    .sms = { $service }: Codes per E-Mail wurden aus Ihrem Konto entfernt. { sms-not-you }
phone-factor-added =
    .subject = Sie können sich jetzt mit Codes per SMS anmelden
    .lead = Für die Anmeldung bei Ihrem Konto bei { $service } können jetzt auch Codes per SMS an die Nummer verwendet werden, die auf { $hint } endet.
    .sms = { $service }: Für Ihr Konto wurden Codes an die Nummer mit der Endung { $hint } eingerichtet. { sms-not-you }
phone-factor-removed =
    .subject = Codes per SMS wurden entfernt
    .lead = Bei der Anmeldung bei Ihrem Konto bei { $service } gelten Codes per SMS nicht mehr.
    .sms = { $service }: Codes per SMS wurden aus Ihrem Konto entfernt. { sms-not-you }
refresh-token-reused =
    .subject = Wir haben eines Ihrer Geräte abgemeldet
    .lead = Möglicherweise hat jemand die Anmeldung eines Ihrer Geräte kopiert. Wir haben diese Sitzung bei { $service } deshalb beendet. Falls Sie sich erneut anmelden müssen, ist das der Grund.
    .sms = { $service }: Wir haben eine Ihrer Sitzungen beendet, die vielleicht kopiert wurde. { sms-not-you }
device-trusted =
    .subject = Einem Gerät wird vertraut
    .lead = Nach einem zweiten Faktor auf einem Gerät vertraut Ihr Konto bei { $service } diesem Gerät: { $days ->
        [one] Einen Tag lang
       *[other] { $days } Tage lang
    } genügt dort zum Anmelden Ihr Passwort.
    .sms = { $service }: Auf einem Gerät genügt jetzt Ihr Passwort zum Anmelden. { sms-not-you }
api-key-created =
    .subject = Ein API-Schlüssel wurde erstellt
    .lead = Für Ihr Konto bei { $service } wurde der API-Schlüssel „{ $name }“ erstellt. Damit kann ein Programm ohne Anmeldung für Sie handeln.
    .sms = { $service }: Für Ihr Konto wurde ein API-Schlüssel erstellt. { sms-not-you }
identity-linked =
    .subject = Sie können sich mit { $provider } anmelden
    .lead = Ihr Konto bei { $service } wurde mit { $account ->
        [none] einem Konto
       *[other] dem Konto { $account }
    } bei { $provider } verbunden. Ab jetzt kann man sich damit anmelden. Falls Sie das nicht waren, trennen Sie die Verbindung unter „Sicherheit“.
    .sms = { $service }: Ihr Konto wurde mit einem Konto bei { $provider } verbunden. Nicht Sie? Trennen Sie es unter Sicherheit.
identity-unlinked =
    .subject = Ein Konto bei { $provider } wurde getrennt
    .lead = { $account ->
        [none] Ein Konto
       *[other] Das Konto { $account }
    } bei { $provider } wurde von Ihrem Konto bei { $service } getrennt. Man kann sich damit nicht mehr anmelden.
    .sms = { $service }: Ein Konto bei { $provider } wurde von Ihrem Konto getrennt. { sms-not-you }
device-token-reused =
    .subject = Einem Ihrer Geräte wird nicht mehr vertraut
    .lead = Jemand hat möglicherweise kopiert, woran { $service } eines Ihrer Geräte erkennt, und dazu Ihr Passwort eingegeben. Dem Gerät wird nicht mehr vertraut: Die nächste Anmeldung dort verlangt einen zweiten Faktor.
    .sms = { $service }: Einem Ihrer Geräte wird nicht mehr vertraut, vielleicht wurde es kopiert. { sms-not-you }

second-factor-failures =
    .subject = Jemand hat falsche Codes eingegeben
    .lead = Für Ihr Konto bei { $service } wurden mehrere falsche Codes eingegeben. So weit kommt nur, wer Ihr Passwort kennt, Ihre E-Mails liest oder ein Gerät benutzt, auf dem Sie angemeldet sind. Keiner der Codes wurde angenommen.
    .sms = { $service }: Für Ihr Konto wurden mehrere falsche Codes eingegeben. { sms-not-you }
password-failures =
    .subject = Das aktuelle Passwort wurde falsch eingegeben
    .lead = Auf einem Gerät, das bei Ihrem Konto bei { $service } angemeldet ist, wurde nach dem aktuellen Passwort gefragt und mehrmals ein falsches eingegeben. Keines wurde angenommen.
    .sms = { $service }: Auf einem angemeldeten Gerät wurden mehrere falsche Passwörter eingegeben. { sms-not-you }
sign-in-after-failures =
    .subject = Anmeldung nach vielen falschen Codes
    .lead = Nach vielen falschen Codes wurde für Ihr Konto bei { $service } ein richtiger eingegeben.
    .sms = { $service }: Nach vielen falschen Codes wurde ein richtiger eingegeben. { sms-not-you }
password-disabled =
    .subject = Ihr Passwort wurde gesperrt
    .lead = Jemand hat für Ihr Konto bei { $service } hundertmal hintereinander ein falsches Passwort eingegeben. Hineingekommen ist niemand, aber Ihr Passwort gilt nicht mehr. Wählen Sie bei der Anmeldung „Passwort vergessen“ und legen Sie ein neues fest. Wo Sie angemeldet sind, bleiben Sie angemeldet.
    .sms = { $service }: Ihr Passwort wurde nach vielen falschen gesperrt. Legen Sie ein neues fest.
second-factors-disabled =
    .subject = Ihre zweiten Faktoren wurden gesperrt
    .lead = Jemand kennt das Passwort Ihres Kontos bei { $service } oder liest Ihre E-Mails und hat hundertmal hintereinander einen falschen Code eingegeben. Hineingekommen ist niemand, aber Ihre Codes gelten nicht mehr. Legen Sie zuerst ein neues Passwort fest. Melden Sie sich dann mit einem Wiederherstellungscode an und richten Sie Ihre Authenticator-App neu ein. Wenn Sie keinen Wiederherstellungscode haben, wenden Sie sich an die Betreiber von { $service }.
    .sms = { $service }: Ihre zweiten Faktoren wurden nach vielen falschen Codes gesperrt. Legen Sie ein neues Passwort fest.
password-refused-to-strangers =
    .subject = Ihr Passwort gilt nur noch dort, wo Sie sich zuletzt angemeldet haben
    .lead = Für Ihr Konto bei { $service } wurde fünfzigmal ein falsches Passwort eingegeben, aus Netzen, aus denen Sie sich in den letzten 30 Tagen nicht angemeldet haben. Keines wurde angenommen. Wo Sie sich zuletzt angemeldet haben, gilt Ihr Passwort weiter. Anderswo wird es abgelehnt, bis Sie sich dort, wo es gilt, damit anmelden oder ein neues festlegen: Wählen Sie bei der Anmeldung „Passwort vergessen“. Mit einem Passkey oder einem Link per E-Mail können Sie sich überall anmelden.
    .sms = { $service }: Nach vielen falschen Passwörtern gilt Ihres nur noch dort, wo Sie sich zuletzt angemeldet haben.
second-factors-refused-to-strangers =
    .subject = Ihre Codes gelten nur noch dort, wo Sie sich zuletzt angemeldet haben
    .lead = Jemand kennt das Passwort Ihres Kontos bei { $service } oder liest Ihre E-Mails und hat fünfzigmal einen falschen Code eingegeben, aus Netzen, aus denen Sie sich in den letzten 30 Tagen nicht angemeldet haben. Keiner wurde angenommen. Wo Sie sich zuletzt angemeldet haben, gelten Ihre Codes weiter; anderswo melden Sie sich mit einem Passkey oder einem Wiederherstellungscode an. Legen Sie zuerst ein neues Passwort fest.
    .sms = { $service }: Nach vielen falschen Codes gelten Ihre nur noch dort, wo Sie sich zuletzt angemeldet haben. Legen Sie ein neues Passwort fest.
new-sign-in =
    .subject = Eine neue Anmeldung
    .lead = Jemand hat sich bei Ihrem Konto bei { $service } von einem Ort und mit einem Programm angemeldet, die wir noch nicht kennen.
    .sms = { $service }: Eine neue Anmeldung bei Ihrem Konto. { sms-not-you }
email-verification =
    .subject = Bestätigen Sie Ihre Adresse
    .lead = Bestätigen Sie, dass dies Ihre Adresse ist, damit { $service } Sie erreichen kann:
    .link = Adresse bestätigen
email-change =
    .subject = Diese Adresse für ein Konto verwenden
    .lead = Jemand, der bei einem Konto bei { $service } angemeldet ist, möchte dafür diese Adresse verwenden. Wenn Sie das sind, bestätigen Sie es; Ihr Konto hat dann diese Adresse:
    .link = Diese Adresse verwenden
email-change-requested =
    .subject = Eine andere Adresse wurde angefordert
    .lead = Jemand, der bei Ihrem Konto bei { $service } angemeldet ist, möchte dafür eine andere Adresse verwenden. Sie gilt, sobald die neue Adresse bestätigt ist. Wenn Sie das nicht waren, verhindern Sie es mit diesem Link. Dabei werden alle Sitzungen Ihres Kontos beendet:
    .link = Änderung verhindern
email-changed =
    .subject = Ihre Adresse wurde geändert
    .lead = Ihr Konto bei { $service } hat jetzt eine andere Adresse. An diese hier kommen keine Nachrichten mehr.
    .sms = { $service }: Die Adresse Ihres Kontos wurde geändert. { sms-not-you }
magic-link =
    .subject = Anmeldung bei { $service }
    .lead = Mit diesem Link melden Sie sich ohne Ihr Passwort an. Ihr zweiter Faktor wird weiterhin verlangt:
    .link = Anmelden
password-reset =
    .subject = Legen Sie ein neues Passwort fest
    .lead = Mit diesem Link legen Sie ein neues Passwort für Ihr Konto bei { $service } fest:
    .link = Neues Passwort festlegen
password-changed =
    .subject = Ihr Passwort wurde geändert
    .lead = Das Passwort Ihres Kontos bei { $service } wurde geändert, und alle anderen Sitzungen wurden beendet.
    .sms = { $service }: Ihr Passwort wurde geändert. { sms-not-you }
password-was-reset =
    .subject = Sie haben ein neues Passwort
    .lead = Für Ihr Konto bei { $service } wurde über eine E-Mail ein neues Passwort festgelegt, und alle Sitzungen wurden beendet.
    .sms = { $service }: Für Ihr Konto wurde ein neues Passwort festgelegt. { sms-not-you }
password-removed =
    .subject = Ihr Passwort wurde entfernt
    .lead = Das Passwort Ihres Kontos bei { $service } wurde mit einem Passkey entfernt, und alle anderen Sitzungen sind beendet. Von nun an melden Sie sich mit einem Passkey an.
    .sms = { $service }: Ihr Passwort wurde entfernt. { sms-not-you }
password-set =
    .subject = Ihr Konto hat ein Passwort
    .lead = Für Ihr Konto bei { $service }, das keines hatte, wurde ein Passwort festgelegt. Ihre Passkeys bleiben.
    .sms = { $service }: für Ihr Konto wurde ein Passwort festgelegt. { sms-not-you }
username-changed =
    .subject = Ihr Benutzername wurde geändert
    .lead = Der Benutzername Ihres Kontos bei { $service } wurde geändert. Mit dem bisherigen können Sie sich nicht mehr anmelden.
    .sms = { $service }: Ihr Benutzername wurde geändert. { sms-not-you }
account-exists =
    .subject = Sie haben bereits ein Konto
    .lead = Jemand, vielleicht Sie selbst, wollte sich mit dieser Adresse bei { $service } registrieren. Sie hat schon ein Konto, und es wurde nichts verändert.
    .sms = { $service }: Jemand wollte sich registrieren, aber Sie haben schon ein Konto.
unconfirmed-account =
    .subject = Legen Sie ein Passwort für Ihr Konto fest
    .lead = Bei { $service } wurde versucht, sich mit dieser Adresse zu registrieren. Sie hat schon ein Konto, das nie bestätigt wurde. Mit diesem Link legen Sie ein Passwort dafür fest, und das Konto gehört nur Ihnen:
    .link = Passwort festlegen
registration-started =
    .subject = Richten Sie Ihr Konto ein
    .lead = Bei { $service } wurde mit dieser Adresse ein Konto angelegt. Mit diesem Link richten Sie es ein, und es gehört nur Ihnen:
    .link = Konto einrichten
account-exported =
    .subject = Ihre Daten wurden heruntergeladen
    .lead = Alle Daten, die { $service } über Ihr Konto speichert, wurden auf einem Gerät heruntergeladen, auf dem Sie angemeldet sind.
    .sms = { $service }: Alle Daten Ihres Kontos wurden heruntergeladen. { sms-not-you }
account-deleted =
    .subject = Ihr Konto wurde gelöscht
    .lead = Ihr Konto bei { $service } wurde gelöscht, mit allem, was dazu gehörte.
    .sms = { $service }: Ihr Konto wurde gelöscht.
invitation =
    .subject = Ihr Konto bei { $service }
    .lead = Bei { $service } gibt es ein Konto für Sie. Mit diesem Link legen Sie sein Passwort fest oder richten an dessen Stelle einen Passkey ein:
    .link = Konto einrichten
second-factors-reset =
    .subject = Ihre zweiten Faktoren wurden entfernt
    .lead = Ein Administrator von { $service } hat alle zweiten Faktoren und Wiederherstellungscodes Ihres Kontos entfernt und alle seine Sitzungen beendet. Bei der nächsten Anmeldung richten Sie neue ein.
    .sms = { $service }: alle zweiten Faktoren Ihres Kontos wurden entfernt. { sms-not-you }
webhook-created =
    .subject = Es gibt einen neuen Webhook
    .lead = { $by ->
        [operator] Auf der Befehlszeile von { $service } wurde ein Webhook angelegt
       *[administrator] Mit dem Konto { $author } wurde bei { $service } ein Webhook angelegt
    }, der zu { $site } führt. Dorthin wird ab jetzt gemeldet, was mit Konten geschieht{ $addresses ->
        [included] , mit den Adressen und den Benutzernamen.
       *[none] .
    }
    .sms = { $service }: Es wurde ein Webhook angelegt, der zu { $site } führt.
webhook-url-changed =
    .subject = Ein Webhook hat eine andere URL
    .lead = { $by ->
        [operator] Auf der Befehlszeile von { $service } wurde die URL eines Webhooks geändert
       *[administrator] Mit dem Konto { $author } wurde bei { $service } die URL eines Webhooks geändert
    }. Er führt jetzt zu { $site }. Dorthin wird gemeldet, was mit Konten geschieht.
    .sms = { $service }: Die URL eines Webhooks wurde geändert, er führt jetzt zu { $site }.
webhook-addresses-included =
    .subject = Ein Webhook erhält die Adressen der Benutzer
    .lead = { $by ->
        [operator] Auf der Befehlszeile von { $service } wurde ein Webhook geändert
       *[administrator] Mit dem Konto { $author } wurde bei { $service } ein Webhook geändert
    }, der zu { $site } führt. Seine Nachrichten enthalten ab jetzt die Adressen und die Benutzernamen.
    .sms = { $service }: Der Webhook, der zu { $site } führt, erhält die Adressen der Benutzer.
webhook-secret-rotated =
    .subject = Ein Webhook hat einen neuen Schlüssel
    .lead = { $by ->
        [operator] Auf der Befehlszeile von { $service } wurde ein neuer Schlüssel erstellt
       *[administrator] Mit dem Konto { $author } wurde bei { $service } ein neuer Schlüssel erstellt
    }, und zwar für den Webhook, der zu { $site } führt. Wer ihn hat, kann Nachrichten signieren, die der Empfänger für echt hält.
    .sms = { $service }: Der Webhook, der zu { $site } führt, hat einen neuen Schlüssel.
webhook-deleted =
    .subject = Ein Webhook wurde gelöscht
    .lead = { $by ->
        [operator] Auf der Befehlszeile von { $service } wurde ein Webhook gelöscht
       *[administrator] Mit dem Konto { $author } wurde bei { $service } ein Webhook gelöscht
    }, der zu { $site } führte. Die Nachrichten, die dorthin noch zu senden waren, sind ebenfalls gelöscht.
    .sms = { $service }: Der Webhook, der zu { $site } führte, wurde gelöscht.
administrator-changed =
    .subject = { $change ->
        [granted] Es gibt einen weiteren Administrator
        [enabled] Ein Administrator wurde wieder aktiviert
        [disabled] Ein Administrator wurde deaktiviert
        [deleted] Ein Administrator wurde gelöscht
       *[revoked] Ein Administrator hat die Rolle verloren
    }
    .lead = { $by ->
        [operator] Auf der Befehlszeile von { $service } wurde
       *[administrator] Mit dem Konto { $author } wurde bei { $service }
    } { $change ->
        [granted] dem Konto { $account } die Rolle eines Administrators gegeben.
        [enabled] das Konto { $account } eines Administrators wieder aktiviert.
        [disabled] das Konto { $account } eines Administrators deaktiviert.
        [deleted] das Konto { $account } eines Administrators gelöscht.
       *[revoked] dem Konto { $account } die Rolle eines Administrators entzogen.
    }
    .sms = { $service }: Das Konto { $account } eines Administrators wurde geändert.

minutes = { $minutes ->
        [one] eine Minute
       *[other] { $minutes } Minuten
    }
sms-not-you = Nicht Sie? Ändern Sie Ihr Passwort.

lasts = Der Code gilt { minutes } und nur einmal.
never-share = Geben Sie ihn niemals weiter, auch nicht an jemanden, der sich als { $service } ausgibt: Wir fragen nie danach.
code-not-you = Falls Sie keinen Code angefordert haben, kennt möglicherweise jemand Ihr Passwort: Ändern Sie es. Ohne diesen Code kommt niemand hinein.
confirmation-not-you = Falls Sie das nicht angefordert haben, können Sie diese Nachricht ignorieren: Ohne den Code geschieht nichts.
link-lasts = Der Link gilt { minutes } und nur einmal.
never-forward = Leiten Sie diese Nachricht nicht weiter: Wer den Link hat, kann ihn verwenden.
link-not-you = Falls Sie das nicht angefordert haben, können Sie diese Nachricht ignorieren: Ohne den Link ändert sich nichts.
verification-not-you = Falls Sie { $service } nicht kennen, ignorieren Sie diese Nachricht und bestätigen Sie nichts: Jemand hat sich bei der Adresse vertippt.
email-change-not-you = Wenn Sie das nicht sind, beachten Sie diese Nachricht nicht und bestätigen Sie nichts: Ein Konto, das Ihnen nicht gehört, bekäme sonst Ihre Adresse.
email-change-requested-advice = Wenn Sie das waren, müssen Sie nichts tun. Wenn nicht, verwenden Sie den Link, ändern Sie danach sofort Ihr Passwort und prüfen Sie Ihre zweiten Faktoren.
account-exists-advice = Falls Sie es waren, melden Sie sich an, oder legen Sie ein neues Passwort fest, wenn Sie Ihres vergessen haben. Falls nicht, müssen Sie nichts tun.
unconfirmed-account-not-you = Falls Sie das nicht waren, müssen Sie nichts tun: Ohne dieses Postfach kann niemand das Konto bestätigen.
disabled-advice = Solche Angriffe richten sich meist gegen viele Konten. Wählen Sie ein Passwort, das Sie sonst nirgends verwenden.
repeated = In den zehn Minuten nach unserer letzten Nachricht dazu geschah dies { $repeats } weitere Male. Die Angaben oben sind die des letzten Mals.
notice-not-you = Falls Sie das nicht waren, ändern Sie sofort Ihr Passwort, beenden Sie Sitzungen, die Sie nicht kennen, und prüfen Sie Ihre zweiten Faktoren.
invitation-lasts = Der Link gilt { $hours } Stunden und nur einmal. Danach bitten Sie die Betreiber von { $service } um eine neue Einladung.
invitation-not-you = Wenn Sie { $service } nicht kennen, beachten Sie diese Nachricht nicht: Ohne den Link kann niemand das Konto benutzen.
second-factors-reset-advice = Melden Sie sich bald an: Bis dahin genügt Ihr Passwort oder ein Link in einer Mail, um neue einzurichten.
second-factors-reset-not-you = Wenn Sie nicht darum gebeten haben, ändern Sie sofort Ihr Passwort und informieren Sie die Betreiber von { $service }.
webhook-not-meant = Sie erhalten diese Mail, weil Sie Administrator sind. Wenn das kein Administrator beabsichtigt hat, deaktivieren oder löschen Sie den Webhook, beenden Sie die Sitzungen des Kontos, mit dem es geschah, und prüfen Sie seine zweiten Faktoren.
administrator-not-meant = Sie erhalten diese Mail, weil Sie Administrator sind oder es bis jetzt waren. Wenn das kein Administrator beabsichtigt hat, beenden Sie die Sitzungen des Kontos, mit dem es geschah, prüfen Sie seine zweiten Faktoren, und lassen Sie die Änderung vom Betreiber des Servers rückgängig machen.

when = Zeitpunkt
address = Von der Adresse
browser = Mit
unknown = unbekannt
program-unknown = einem unbekannten Programm
program-app = einer App
program-on-system = { $program } unter { $system }
automatic = Diese Nachricht wurde automatisch von { $service } verschickt; Antworten werden nicht gelesen.
