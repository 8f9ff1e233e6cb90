# What messages say in German. The ids are those of en.ftl.

second-factor-code =
    .subject = Ihr Code für { $service }
    .lead = Mit diesem Code schließen Sie die Anmeldung bei { $service } ab:
    .sms = { $code } ist Ihr Code für { $service }, { minutes } gültig. Geben Sie ihn niemals weiter.
confirmation-code =
    .subject = Bestätigen Sie Ihre Adresse
    .lead = Geben Sie diesen Code ein, um künftig hier Codes für { $service } zu erhalten:
    .sms = { $code } bestätigt Ihre Nummer für { $service }, { minutes } gültig. Geben Sie ihn niemals weiter.

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

minutes = { $minutes ->
        [one] eine Minute
       *[other] { $minutes } Minuten
    }
sms-not-you = Nicht Sie? Ändern Sie Ihr Passwort.

lasts = Der Code gilt { minutes } und nur einmal.
never-share = Geben Sie ihn niemals weiter, auch nicht an jemanden, der sich als { $service } ausgibt: Wir fragen nie danach.
code-not-you = Falls Sie keinen Code angefordert haben, kennt möglicherweise jemand Ihr Passwort: Ändern Sie es. Ohne diesen Code kommt niemand hinein.
confirmation-not-you = Falls Sie das nicht angefordert haben, können Sie diese Nachricht ignorieren: Ohne den Code geschieht nichts.
notice-not-you = Falls Sie das nicht waren, ändern Sie sofort Ihr Passwort, beenden Sie Sitzungen, die Sie nicht kennen, und prüfen Sie Ihre zweiten Faktoren.

when = Zeitpunkt
address = Von der Adresse
browser = Mit
unknown = unbekannt
automatic = Diese Nachricht wurde automatisch von { $service } verschickt; Antworten werden nicht gelesen.
