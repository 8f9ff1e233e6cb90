# The French texts of messages. The ids are those of en.ftl. Spaces before : ; ! ? and inside « » do not break a line
# (U+202F, U+00A0), except in texts for phones, whose alphabet has neither these nor letters such as ê and ç.

second-factor-code =
    .subject = Votre code pour { $service }
    .lead = Saisissez ce code pour terminer la connexion à { $service } :
    .sms = { $code } est votre code pour { $service }, valable { minutes }. Ne le partagez jamais.
confirmation-code =
    .subject = Confirmez que cette adresse est la vôtre
    .lead = Saisissez ce code pour recevoir désormais ici les codes de { $service } :
    .sms = { $code } confirme votre numéro pour { $service }, valable { minutes }. Ne le partagez jamais.

passkey-added =
    .subject = Une clé d’accès a été ajoutée
    .lead = La clé d’accès « { $name } » a été ajoutée à votre compte { $service }. Elle peut servir à se connecter.
    .sms = { $service } : une clé d'accès a été ajoutée à votre compte. { sms-not-you }
passkey-removed =
    .subject = Une clé d’accès a été supprimée
    .lead = La clé d’accès « { $name } » a été supprimée de votre compte { $service }. Elle ne peut plus servir à se connecter.
    .sms = { $service } : une clé d'accès de votre compte a été supprimée. { sms-not-you }
passkey-cloned =
    .subject = Une clé d’accès a peut-être été copiée
    .lead = La clé d’accès « { $name } » de votre compte { $service } a été refusée, car il en existe peut-être une copie. Supprimez-la et ajoutez-en une autre.
    .sms = { $service } : une clé d'accès, qui risque d'avoir été copiée, a été refusée. { sms-not-you }
authenticator-added =
    .subject = Une application d’authentification a été ajoutée
    .lead = Une application d’authentification a été ajoutée à votre compte { $service }. Pour vous connecter, il faut désormais un code de cette application.
    .sms = { $service } : une application d'authentification a été ajoutée à votre compte. { sms-not-you }
authenticator-replaced =
    .subject = Votre application d’authentification a été remplacée
    .lead = L’application d’authentification de votre compte { $service } a été remplacée par une autre. Les codes de l’ancienne ne fonctionnent plus.
    .sms = { $service } : votre application d'authentification a été remplacée. { sms-not-you }
authenticator-removed =
    .subject = Votre application d’authentification a été supprimée
    .lead = L’application d’authentification a été supprimée de votre compte { $service }. Ses codes ne fonctionnent plus.
    .sms = { $service } : votre application d'authentification a été supprimée. { sms-not-you }
recovery-codes-replaced =
    .subject = Vous avez de nouveaux codes de récupération
    .lead = De nouveaux codes de récupération ont été créés pour votre compte { $service }. Les anciens ne fonctionnent plus.
    .sms = { $service } : de nouveaux codes de récupération remplacent les anciens. { sms-not-you }
recovery-code-used =
    .subject = Un code de récupération a été utilisé
    .lead = Un code de récupération a été utilisé pour se connecter à votre compte { $service }. { $remaining ->
        [0] Il n’en reste aucun : créez-en bientôt de nouveaux.
        [one] Il en reste un : créez-en bientôt de nouveaux.
       *[other] Il en reste { $remaining }.
    }
    .sms = { $service } : connexion avec un code de récupération, il en reste { $remaining }. { sms-not-you }
email-factor-added =
    .subject = Vous pouvez maintenant vous connecter avec des codes par e-mail
    .lead = Pour terminer la connexion à votre compte { $service }, il est maintenant possible d’utiliser des codes par e-mail.
    .sms = { $service } : les codes par e-mail ont été ajoutés à votre compte. { sms-not-you }
email-factor-removed =
    .subject = Les codes par e-mail ont été supprimés
    .lead = Les codes par e-mail ne fonctionnent plus pour se connecter à votre compte { $service }.
    .sms = { $service } : les codes par e-mail ont été supprimés de votre compte. { sms-not-you }
phone-factor-added =
    .subject = Vous pouvez maintenant vous connecter avec des codes par SMS
    .lead = Pour terminer la connexion à votre compte { $service }, il est maintenant possible d’utiliser des codes envoyés par SMS au numéro qui se termine par { $hint }.
    .sms = { $service } : les codes au numéro se terminant par { $hint } ont été ajoutés à votre compte. { sms-not-you }
phone-factor-removed =
    .subject = Les codes par SMS ont été supprimés
    .lead = Les codes par SMS ne fonctionnent plus pour se connecter à votre compte { $service }.
    .sms = { $service } : les codes par SMS ont été supprimés de votre compte. { sms-not-you }
refresh-token-reused =
    .subject = Nous avons déconnecté l’un de vos appareils
    .lead = La session de l’un de vos appareils chez { $service } a peut-être été copiée, nous y avons donc mis fin. Si l’on vous demande de vous reconnecter, c’est pour cette raison.
    .sms = { $service } : nous avons mis fin à une session qui risque d'avoir été copiée. { sms-not-you }
device-trusted =
    .subject = Un appareil est devenu un appareil de confiance
    .lead = Après un second facteur, votre compte { $service } fait confiance à un appareil : { $days ->
        [one] pendant un jour
       *[other] pendant { $days } jours
    }, votre seul mot de passe y suffit pour se connecter.
    .sms = { $service } : un appareil peut se connecter avec votre seul mot de passe. { sms-not-you }
api-key-created =
    .subject = Une clé d’API a été créée
    .lead = La clé d’API « { $name } » a été créée pour votre compte { $service }. Elle permet à un programme d’agir en votre nom sans se connecter.
    .sms = { $service } : une clé d'API a été créée pour votre compte. { sms-not-you }
identity-linked =
    .subject = Vous pouvez vous connecter avec { $provider }
    .lead = Votre compte { $service } a été associé { $account ->
        [none] à un compte
       *[other] au compte { $account }
    } chez { $provider }. Ce compte peut désormais servir à se connecter. Si ce n’était pas vous, dissociez-le sous « Sécurité ».
    .sms = { $service } : votre compte a été associé à un compte chez { $provider }. Pas vous ? Dissociez-le sous Sécurité.
identity-unlinked =
    .subject = Un compte chez { $provider } a été dissocié
    .lead = { $account ->
        [none] Un compte
       *[other] Le compte { $account }
    } chez { $provider } a été dissocié de votre compte { $service }. Il ne peut plus servir à se connecter.
    .sms = { $service } : un compte chez { $provider } a été dissocié de votre compte. { sms-not-you }
device-token-reused =
    .subject = L’un de vos appareils n’est plus un appareil de confiance
    .lead = Ce qui fait de l’un de vos appareils un appareil de confiance chez { $service } a peut-être été copié, et votre mot de passe a été saisi avec. Cet appareil n’est plus un appareil de confiance : sa prochaine connexion exige un second facteur.
    .sms = { $service } : un appareil qui risque d'avoir été copié n'a plus notre confiance. { sms-not-you }

second-factor-failures =
    .subject = Des codes erronés ont été saisis
    .lead = Plusieurs codes erronés ont été saisis pour votre compte { $service }. Pour saisir des codes, il faut votre mot de passe, l’accès à vos e-mails ou un appareil sur lequel vous êtes connecté. Aucun de ces codes n’a été accepté.
    .sms = { $service } : plusieurs codes erronés ont été saisis pour votre compte. { sms-not-you }
password-failures =
    .subject = Votre mot de passe actuel a été mal saisi
    .lead = Sur un appareil connecté à votre compte { $service }, plusieurs mots de passe erronés ont été saisis quand nous demandions le mot de passe actuel. Aucun n’a été accepté.
    .sms = { $service } : plusieurs mots de passe erronés sur un de vos appareils connectés. { sms-not-you }
sign-in-after-failures =
    .subject = Connexion après de nombreux codes erronés
    .lead = Après de nombreux codes erronés, un code correct a été saisi pour votre compte { $service }.
    .sms = { $service } : un code correct a été saisi après de nombreux codes erronés. { sms-not-you }
password-disabled =
    .subject = Votre mot de passe a été désactivé
    .lead = Cent mots de passe erronés ont été saisis de suite pour votre compte { $service }. Aucun n’a été accepté, mais votre mot de passe ne fonctionne plus. Choisissez « mot de passe oublié » à l’endroit où vous vous connectez, et définissez-en un nouveau. Là où vous êtes connecté, vous le restez.
    .sms = { $service } : votre mot de passe est désactivé après de nombreuses erreurs. Définissez-en un nouveau.
second-factors-disabled =
    .subject = Vos seconds facteurs ont été désactivés
    .lead = Un attaquant connaît le mot de passe de votre compte { $service }, ou peut lire vos e-mails, et a saisi de suite cent codes erronés. Aucun n’a été accepté, mais vos codes ne fonctionnent plus. Définissez d’abord un nouveau mot de passe. Connectez-vous ensuite avec un code de récupération et configurez de nouveau votre application d’authentification. Si vous n’avez pas de code de récupération, adressez-vous aux responsables de { $service }.
    .sms = { $service } : vos seconds facteurs sont désactivés après de nombreuses erreurs. Changez de mot de passe.
password-refused-to-strangers =
    .subject = Votre mot de passe ne fonctionne que là où vous êtes connu
    .lead = Cinquante mots de passe erronés ont été saisis pour votre compte { $service }, depuis des réseaux où vous ne vous êtes pas connecté ces 30 derniers jours. Aucun n’a été accepté. Votre mot de passe fonctionne encore là où vous vous êtes connecté récemment. Ailleurs, il est refusé jusqu’à ce que vous vous connectiez avec lui là où il fonctionne, ou que vous en définissiez un nouveau : choisissez « mot de passe oublié » à l’endroit où vous vous connectez. La connexion avec une clé d’accès ou avec un lien par e-mail fonctionne partout.
    .sms = { $service } : après de nombreuses erreurs, votre mot de passe ne sert plus que sur vos réseaux récents.
second-factors-refused-to-strangers =
    .subject = Vos codes ne fonctionnent que là où vous êtes connu
    .lead = Un attaquant connaît le mot de passe de votre compte { $service }, ou peut lire vos e-mails, et a saisi cinquante codes erronés depuis des réseaux où vous ne vous êtes pas connecté ces 30 derniers jours. Aucun n’a été accepté. Vos codes fonctionnent encore là où vous vous êtes connecté récemment ; ailleurs, connectez-vous avec une clé d’accès ou un code de récupération. Définissez d’abord un nouveau mot de passe.
    .sms = { $service } : après de nombreuses erreurs, vos codes ne servent plus que sur vos réseaux récents. Changez de mot de passe.
new-sign-in =
    .subject = Une nouvelle connexion
    .lead = Une nouvelle connexion à votre compte { $service } a eu lieu, depuis un endroit et avec un programme que nous n’avions encore jamais vus.
    .sms = { $service } : une nouvelle connexion à votre compte. { sms-not-you }
email-verification =
    .subject = Vérifiez votre adresse
    .lead = Confirmez que cette adresse est la vôtre, pour que { $service } puisse vous joindre :
    .link = Vérifier cette adresse
email-change =
    .subject = Utiliser cette adresse pour un compte
    .lead = Un utilisateur connecté à un compte { $service } a demandé à utiliser cette adresse pour celui-ci. Si c’est vous, confirmez-le, et votre compte aura désormais cette adresse :
    .link = Utiliser cette adresse
email-change-requested =
    .subject = Un changement de votre adresse a été demandé
    .lead = Un appareil connecté à votre compte { $service } a demandé une autre adresse pour celui-ci. L’adresse changera dès que la nouvelle sera vérifiée. Si ce n’était pas vous, empêchez le changement avec ce lien. Il met aussi fin à toutes les sessions de votre compte :
    .link = Empêcher le changement
email-changed =
    .subject = Votre adresse a été changée
    .lead = Votre compte { $service } a maintenant une autre adresse. Les messages n’arrivent plus à celle-ci.
    .sms = { $service } : l'adresse de votre compte a été changée. { sms-not-you }
magic-link =
    .subject = Connexion à { $service }
    .lead = Ce lien vous connecte sans votre mot de passe. Votre second facteur reste nécessaire :
    .link = Se connecter
password-reset =
    .subject = Définissez un nouveau mot de passe
    .lead = Avec ce lien, vous définissez un nouveau mot de passe pour votre compte { $service } :
    .link = Définir un nouveau mot de passe
password-changed =
    .subject = Votre mot de passe a été changé
    .lead = Le mot de passe de votre compte { $service } a été changé, et toutes les autres sessions ont pris fin.
    .sms = { $service } : votre mot de passe a été changé. { sms-not-you }
password-was-reset =
    .subject = Vous avez un nouveau mot de passe
    .lead = Un nouveau mot de passe a été défini pour votre compte { $service } avec un lien reçu par e-mail, et toutes les sessions ont pris fin.
    .sms = { $service } : un nouveau mot de passe a été défini pour votre compte. { sms-not-you }
password-removed =
    .subject = Votre mot de passe a été supprimé
    .lead = Le mot de passe de votre compte { $service } a été supprimé avec une clé d’accès, et toutes les autres sessions ont pris fin. Vous vous connectez désormais avec une clé d’accès.
    .sms = { $service } : votre mot de passe a été supprimé. { sms-not-you }
password-set =
    .subject = Votre compte a un mot de passe
    .lead = Un mot de passe a été défini pour votre compte { $service }, qui n’en avait pas. Vos clés d’accès restent valables.
    .sms = { $service } : un mot de passe a été défini pour votre compte. { sms-not-you }
username-changed =
    .subject = Votre nom d’utilisateur a été changé
    .lead = Le nom d’utilisateur de votre compte { $service } a été changé. L’ancien ne permet plus de vous connecter.
    .sms = { $service } : votre nom d'utilisateur a été changé. { sms-not-you }
account-exists =
    .subject = Vous avez déjà un compte
    .lead = Une inscription avec cette adresse a été tentée chez { $service }, peut-être par vous. L’adresse a déjà un compte, et rien n’a été changé.
    .sms = { $service } : une inscription a été tentée, mais vous avez déjà un compte.
unconfirmed-account =
    .subject = Définissez un mot de passe pour votre compte
    .lead = Une inscription avec cette adresse a été tentée chez { $service }. L’adresse a déjà un compte, qui n’a jamais été vérifié. Avec ce lien, vous en définissez le mot de passe, et le compte n’est qu’à vous :
    .link = Définir un mot de passe
registration-started =
    .subject = Configurez votre compte
    .lead = Un compte { $service } a été créé avec cette adresse. Avec ce lien, vous le configurez, et il n’est qu’à vous :
    .link = Configurer le compte
account-exported =
    .subject = Vos données ont été téléchargées
    .lead = Toutes les données que { $service } conserve sur votre compte ont été téléchargées, sur un appareil où vous êtes connecté.
    .sms = { $service } : toutes les données de votre compte ont été téléchargées. { sms-not-you }
account-deleted =
    .subject = Votre compte a été supprimé
    .lead = Votre compte { $service } a été supprimé, avec tout ce qui lui appartenait.
    .sms = { $service } : votre compte a été supprimé.
invitation =
    .subject = Votre compte { $service }
    .lead = Un compte { $service } vous attend. Avec ce lien, vous en définissez le mot de passe, ou une clé d’accès à sa place :
    .link = Configurer le compte
second-factors-reset =
    .subject = Vos seconds facteurs ont été supprimés
    .lead = Un administrateur de { $service } a supprimé tous les seconds facteurs et codes de récupération de votre compte, et mis fin à toutes ses sessions. Vous en configurerez de nouveaux à votre prochaine connexion.
    .sms = { $service } : tous les seconds facteurs de votre compte ont été supprimés. { sms-not-you }
webhook-created =
    .subject = Il y a un nouveau webhook
    .lead = { $by ->
        [operator] Sur la ligne de commande de { $service }, un webhook a été créé
       *[administrator] Avec le compte { $author }, un webhook de { $service } a été créé
    }, qui mène à { $site }. Ce qui arrive aux comptes y est désormais signalé{ $addresses ->
        [included] , avec les adresses et les noms des utilisateurs.
       *[none] .
    }
    .sms = { $service } : un webhook qui mène à { $site } a été créé.
webhook-url-changed =
    .subject = Un webhook a une autre URL
    .lead = { $by ->
        [operator] Sur la ligne de commande de { $service }, l’URL d’un webhook a été changée
       *[administrator] Avec le compte { $author }, l’URL d’un webhook de { $service } a été changée
    }. Il mène maintenant à { $site }, où est signalé ce qui arrive aux comptes.
    .sms = { $service } : l'URL d'un webhook a été changée, il mène maintenant à { $site }.
webhook-addresses-included =
    .subject = Un webhook reçoit les adresses des utilisateurs
    .lead = { $by ->
        [operator] Sur la ligne de commande de { $service }, un webhook a été modifié
       *[administrator] Avec le compte { $author }, un webhook de { $service } a été modifié
    }, qui mène à { $site }. Ses messages contiennent désormais les adresses et les noms des utilisateurs.
    .sms = { $service } : le webhook qui mène à { $site } a maintenant les adresses des utilisateurs.
webhook-secret-rotated =
    .subject = Un webhook a un nouveau secret
    .lead = { $by ->
        [operator] Sur la ligne de commande de { $service }, un nouveau secret a été créé
       *[administrator] Avec le compte { $author } chez { $service }, un nouveau secret a été créé
    } pour le webhook qui mène à { $site }. Il permet de signer des messages que son destinataire tient pour authentiques.
    .sms = { $service } : le webhook qui mène à { $site } a un nouveau secret.
webhook-deleted =
    .subject = Un webhook a été supprimé
    .lead = { $by ->
        [operator] Sur la ligne de commande de { $service }, un webhook a été supprimé
       *[administrator] Avec le compte { $author }, un webhook de { $service } a été supprimé
    }, qui menait à { $site }. Les messages qui devaient encore y être envoyés sont supprimés aussi.
    .sms = { $service } : le webhook qui menait à { $site } a été supprimé.
administrator-changed =
    .subject = { $change ->
        [granted] Il y a un nouvel administrateur
        [enabled] Un administrateur a été réactivé
        [disabled] Un administrateur a été désactivé
        [deleted] Un administrateur a été supprimé
       *[revoked] Un administrateur a perdu son rôle
    }
    .lead = { $by ->
        [operator] Sur la ligne de commande de { $service },
       *[administrator] Avec le compte { $author } de { $service },
    } { $change ->
        [granted] le compte { $account } a reçu le rôle d’administrateur.
        [enabled] le compte administrateur { $account } a été réactivé.
        [disabled] le compte administrateur { $account } a été désactivé.
        [deleted] le compte administrateur { $account } a été supprimé.
       *[revoked] le rôle d’administrateur a été retiré au compte { $account }.
    }
    .sms = { $service } : le compte administrateur { $account } a été modifié.

minutes = { $minutes ->
        [one] une minute
       *[other] { $minutes } minutes
    }
sms-not-you = Pas vous ? Changez de mot de passe.

lasts = Le code est valable { minutes } et ne fonctionne qu’une fois.
never-share = Ne le partagez jamais, même si on vous le demande au nom de { $service } : nous ne le demandons jamais.
code-not-you = Si vous n’avez pas demandé de code, un attaquant connaît peut-être votre mot de passe : changez-le. Sans ce code, il ne peut pas se connecter.
confirmation-not-you = Si vous n’avez rien demandé, ignorez ce message : rien ne se passe sans le code.
link-lasts = Le lien est valable { minutes } et ne fonctionne qu’une fois.
never-forward = Ne transférez jamais cet e-mail : le lien fonctionne aussi pour la personne qui le reçoit.
link-not-you = Si vous n’avez rien demandé, ignorez ce message : rien ne change sans le lien.
verification-not-you = Si vous ne connaissez pas { $service }, ignorez ce message et ne confirmez pas : l’adresse a sans doute été mal saisie.
email-change-not-you = Si ce n’est pas vous, ignorez ce message et ne confirmez pas : sinon, un compte qui n’est pas le vôtre recevra votre adresse.
email-change-requested-advice = Si c’était vous, vous n’avez rien à faire. Sinon, utilisez le lien, puis changez aussitôt de mot de passe et contrôlez vos seconds facteurs.
account-exists-advice = Si c’était vous, connectez-vous, ou définissez un nouveau mot de passe si vous avez oublié le vôtre. Sinon, vous n’avez rien à faire.
unconfirmed-account-not-you = Si ce n’était pas vous, vous n’avez rien à faire : le compte ne peut pas être confirmé sans cette boîte aux lettres.
disabled-advice = De telles attaques visent en général de nombreux comptes. Choisissez un mot de passe que vous n’utilisez nulle part ailleurs.
repeated = Dans les dix minutes qui ont suivi notre dernier message à ce sujet, cela s’est reproduit { $repeats } fois. Les détails ci-dessus sont ceux de la dernière fois.
notice-not-you = Si ce n’était pas vous, changez aussitôt de mot de passe, mettez fin aux sessions que vous ne reconnaissez pas et contrôlez vos seconds facteurs.
invitation-lasts = Le lien est valable { $hours } heures et ne fonctionne qu’une fois. Passé ce délai, demandez une nouvelle invitation aux responsables de { $service }.
invitation-not-you = Si vous ne connaissez pas { $service }, ignorez ce message : le compte ne peut pas être utilisé sans le lien.
second-factors-reset-advice = Connectez-vous bientôt : d’ici là, votre mot de passe ou un lien reçu par e-mail suffit pour en configurer de nouveaux.
second-factors-reset-not-you = Si vous ne l’avez pas demandé, changez aussitôt de mot de passe et prévenez les responsables de { $service }.
webhook-not-meant = Vous recevez cet e-mail parce que vous êtes administrateur. Si aucun administrateur n’a voulu cela, désactivez ou supprimez le webhook, mettez fin aux sessions du compte qui l’a fait et contrôlez ses seconds facteurs.
administrator-not-meant = Vous recevez cet e-mail parce que vous êtes administrateur, ou l’étiez jusqu’à présent. Si aucun administrateur n’a voulu cela, mettez fin aux sessions du compte qui l’a fait, contrôlez ses seconds facteurs et faites annuler la modification par l’exploitant du serveur.

when = Quand
address = Depuis l’adresse
browser = Avec
unknown = inconnu
program-unknown = un programme inconnu
program-app = une application
program-on-system = { $program } sur { $system }
automatic = { $service } a envoyé ce message automatiquement ; les réponses ne sont pas lues.
