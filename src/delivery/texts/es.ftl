# The Spanish texts of messages. The ids are those of en.ftl. The alphabet of text messages has no á, í, ó and ú, so texts
# for phones say “clave” for a code and avoid other words with these letters.

second-factor-code =
    .subject = Su código para { $service }
    .lead = Introduzca este código para terminar de iniciar sesión en { $service }:
    .sms = { $code } es su clave para { $service }. Vale { minutes }. No la comparta nunca.
confirmation-code =
    .subject = Confirme que esta dirección es suya
    .lead = Introduzca este código para recibir aquí los códigos de { $service } a partir de ahora:
    .sms = { $code } es la clave para recibir mensajes de { $service }. Vale { minutes }. No la comparta nunca.

passkey-added =
    .subject = Se ha añadido una llave de acceso
    .lead = Se ha añadido la llave de acceso «{ $name }» a su cuenta de { $service }. Se puede usar para iniciar sesión.
    .sms = { $service }: hay una nueva llave de acceso en su cuenta. { sms-not-you }
passkey-removed =
    .subject = Se ha eliminado una llave de acceso
    .lead = Se ha eliminado la llave de acceso «{ $name }» de su cuenta de { $service }. Ya no se puede usar para iniciar sesión.
    .sms = { $service }: se ha eliminado una llave de acceso de su cuenta. { sms-not-you }
passkey-cloned =
    .subject = Puede que se haya copiado una llave de acceso
    .lead = Se ha rechazado la llave de acceso «{ $name }» de su cuenta de { $service }, porque puede que exista una copia. Elimínela y añada otra.
    .sms = { $service }: se ha rechazado una llave de acceso que puede ser una copia. { sms-not-you }
authenticator-added =
    .subject = Se ha añadido una aplicación de autenticación
    .lead = Se ha añadido una aplicación de autenticación a su cuenta de { $service }. A partir de ahora, para iniciar sesión hace falta un código de ella.
    .sms = { $service }: hay un nuevo autenticador en su cuenta. { sms-not-you }
authenticator-replaced =
    .subject = Se ha sustituido su aplicación de autenticación
    .lead = La aplicación de autenticación de su cuenta de { $service } se ha sustituido por otra. Los códigos de la anterior ya no funcionan.
    .sms = { $service }: se ha sustituido el autenticador de su cuenta por otro. { sms-not-you }
authenticator-removed =
    .subject = Se ha eliminado su aplicación de autenticación
    .lead = Se ha eliminado la aplicación de autenticación de su cuenta de { $service }. Sus códigos ya no funcionan.
    .sms = { $service }: se ha eliminado el autenticador de su cuenta. { sms-not-you }
recovery-codes-replaced =
    .subject = Tiene nuevos códigos de recuperación
    .lead = Se han creado nuevos códigos de recuperación para su cuenta de { $service }. Los anteriores ya no funcionan.
    .sms = { $service }: hay nuevas claves para recuperar su cuenta; las anteriores ya no valen. { sms-not-you }
recovery-code-used =
    .subject = Se ha usado un código de recuperación
    .lead = Se ha usado un código de recuperación para iniciar sesión en su cuenta de { $service }. { $remaining ->
        [0] No queda ninguno: cree pronto otros nuevos.
        [one] Queda uno: cree pronto otros nuevos.
       *[other] Quedan { $remaining }.
    }
    .sms = { $service }: acceso con una clave para recuperar la cuenta; quedan { $remaining }. { sms-not-you }
email-factor-added =
    .subject = Ya puede iniciar sesión con códigos por correo
    .lead = Se han añadido los códigos por correo como forma de terminar de iniciar sesión en su cuenta de { $service }.
    .sms = { $service }: su cuenta admite ahora claves por correo. { sms-not-you }
email-factor-removed =
    .subject = Se han eliminado los códigos por correo
    .lead = Los códigos por correo ya no sirven para iniciar sesión en su cuenta de { $service }.
    .sms = { $service }: su cuenta ya no admite claves por correo. { sms-not-you }
phone-factor-added =
    .subject = Ya puede iniciar sesión con códigos por SMS
    .lead = Se han añadido los códigos por SMS al número que termina en { $hint } como forma de terminar de iniciar sesión en su cuenta de { $service }.
    .sms = { $service }: su cuenta admite ahora claves por SMS a un tel. que termina en { $hint }. { sms-not-you }
phone-factor-removed =
    .subject = Se han eliminado los códigos por SMS
    .lead = Los códigos por SMS ya no sirven para iniciar sesión en su cuenta de { $service }.
    .sms = { $service }: su cuenta ya no admite claves por SMS. { sms-not-you }
refresh-token-reused =
    .subject = Hemos cerrado la sesión de uno de sus dispositivos
    .lead = Puede que se haya copiado la sesión de uno de sus dispositivos en { $service }, así que la hemos cerrado. Si se le pide que inicie sesión de nuevo, es por esto.
    .sms = { $service }: hemos cerrado el acceso de un dispositivo, que puede ser una copia. { sms-not-you }
device-trusted =
    .subject = Un dispositivo es ahora de confianza
    .lead = Tras un segundo factor, su cuenta de { $service } confía en un dispositivo: { $days ->
        [one] durante un día
       *[other] durante { $days } días
    } le basta con su contraseña para iniciar sesión.
    .sms = { $service }: en un dispositivo basta ahora con su contraseña para entrar. { sms-not-you }
api-key-created =
    .subject = Se ha creado una clave de API
    .lead = Se ha creado la clave de API «{ $name }» para su cuenta de { $service }. Con ella, un programa puede actuar en su nombre sin iniciar sesión.
    .sms = { $service }: se ha creado una clave de API para su cuenta. { sms-not-you }
identity-linked =
    .subject = Puede iniciar sesión con { $provider }
    .lead = Su cuenta de { $service } se ha vinculado { $account ->
        [none] a una cuenta
       *[other] a la cuenta { $account }
    } de { $provider }. A partir de ahora, esa cuenta se puede usar para iniciar sesión. Si no ha sido usted, desvincúlela en «Seguridad».
    .sms = { $service }: su cuenta se ha vinculado a una de { $provider }. ¿No ha sido usted? Anule el cambio en Seguridad.
identity-unlinked =
    .subject = Se ha desvinculado una cuenta de { $provider }
    .lead = { $account ->
        [none] Una cuenta
       *[other] La cuenta { $account }
    } de { $provider } se ha desvinculado de su cuenta de { $service }. Ya no se puede usar para iniciar sesión.
    .sms = { $service }: se ha desvinculado de su cuenta una de { $provider }. { sms-not-you }
device-token-reused =
    .subject = Uno de sus dispositivos ya no es de confianza
    .lead = Puede que se haya copiado lo que hace de confianza a uno de sus dispositivos en { $service }, y se ha introducido su contraseña con ello. El dispositivo ya no es de confianza: su próximo inicio de sesión exige un segundo factor.
    .sms = { $service }: un dispositivo, que puede ser una copia, ya no es de confianza. { sms-not-you }

second-factor-failures =
    .subject = Se han introducido códigos incorrectos
    .lead = Se han introducido varios códigos incorrectos para su cuenta de { $service }. Para introducir códigos hace falta su contraseña, acceso a su correo o un dispositivo en el que tenga la sesión iniciada. No se ha aceptado ninguno.
    .sms = { $service }: se han introducido varias claves incorrectas para su cuenta. { sms-not-you }
password-failures =
    .subject = Se ha introducido mal su contraseña actual
    .lead = En un dispositivo con la sesión de su cuenta de { $service } iniciada se han introducido varias contraseñas incorrectas cuando pedíamos la actual. No se ha aceptado ninguna.
    .sms = { $service }: varias contraseñas incorrectas en un dispositivo con acceso. { sms-not-you }
sign-in-after-failures =
    .subject = Inicio de sesión tras muchos códigos incorrectos
    .lead = Tras muchos códigos incorrectos, se ha introducido uno correcto para su cuenta de { $service }.
    .sms = { $service }: se ha introducido una clave correcta tras muchas incorrectas. { sms-not-you }
password-disabled =
    .subject = Su contraseña se ha desactivado
    .lead = Se han introducido cien contraseñas incorrectas seguidas para su cuenta de { $service }. No se ha aceptado ninguna, pero su contraseña ya no funciona. Elija «contraseña olvidada» donde inicia sesión y establezca una nueva. Donde tiene la sesión iniciada, seguirá así.
    .sms = { $service }: su contraseña ya no vale tras muchas incorrectas. Elija una nueva.
second-factors-disabled =
    .subject = Sus segundos factores se han desactivado
    .lead = Un atacante conoce la contraseña de su cuenta de { $service }, o puede leer su correo, y ha introducido cien códigos incorrectos seguidos. No se ha aceptado ninguno, pero sus códigos ya no funcionan. Establezca primero una contraseña nueva. Después inicie sesión con un código de recuperación y configure de nuevo su aplicación de autenticación. Si no tiene ningún código de recuperación, pregunte a los responsables de { $service }.
    .sms = { $service }: sus segundos factores ya no valen tras muchas claves incorrectas. Cambie su contraseña.
password-refused-to-strangers =
    .subject = Su contraseña solo funciona donde ha iniciado sesión hace poco
    .lead = Se han introducido cincuenta contraseñas incorrectas para su cuenta de { $service }, desde redes en las que no ha iniciado sesión en los últimos 30 días. No se ha aceptado ninguna. Su contraseña sigue funcionando donde ha iniciado sesión hace poco. En otros lugares se rechaza hasta que inicie sesión con ella donde funciona, o establezca una nueva: elija «contraseña olvidada» donde inicia sesión. Con una llave de acceso o con un enlace por correo puede iniciar sesión en todas partes.
    .sms = { $service }: tras muchas incorrectas, su contraseña solo vale donde ha entrado hace poco.
second-factors-refused-to-strangers =
    .subject = Sus códigos solo funcionan donde ha iniciado sesión hace poco
    .lead = Un atacante conoce la contraseña de su cuenta de { $service }, o puede leer su correo, y ha introducido cincuenta códigos incorrectos desde redes en las que usted no ha iniciado sesión en los últimos 30 días. No se ha aceptado ninguno. Sus códigos siguen funcionando donde ha iniciado sesión hace poco; en otros lugares, inicie sesión con una llave de acceso o un código de recuperación. Establezca primero una contraseña nueva.
    .sms = { $service }: tras muchas incorrectas, sus claves solo valen donde ha entrado hace poco. Cambie su contraseña.
new-sign-in =
    .subject = Un nuevo inicio de sesión
    .lead = Se ha iniciado sesión en su cuenta de { $service } desde un lugar y con un programa que no habíamos visto antes.
    .sms = { $service }: un nuevo acceso a su cuenta. { sms-not-you }
email-verification =
    .subject = Verifique su dirección
    .lead = Verifique que esta dirección es suya, para que { $service } pueda ponerse en contacto con usted:
    .link = Verificar esta dirección
email-change =
    .subject = Usar esta dirección para una cuenta
    .lead = Un usuario con la sesión iniciada en una cuenta de { $service } ha pedido usar esta dirección para ella. Si es usted, confírmelo, y su cuenta tendrá esta dirección a partir de entonces:
    .link = Usar esta dirección
email-change-requested =
    .subject = Se ha pedido un cambio de su dirección
    .lead = Un dispositivo con la sesión de su cuenta de { $service } iniciada ha pedido otra dirección para ella. La dirección cambiará cuando se verifique la nueva. Si no ha sido usted, impida el cambio con este enlace. También cierra todas las sesiones de su cuenta:
    .link = Impedir el cambio
email-changed =
    .subject = Su dirección ha cambiado
    .lead = Su cuenta de { $service } tiene ahora otra dirección. Los mensajes ya no llegan a esta.
    .sms = { $service }: ha cambiado el correo de su cuenta. { sms-not-you }
magic-link =
    .subject = Inicie sesión en { $service }
    .lead = Este enlace inicia su sesión sin contraseña. Su segundo factor sigue siendo necesario:
    .link = Iniciar sesión
password-reset =
    .subject = Establezca una contraseña nueva
    .lead = Con este enlace establece una contraseña nueva para su cuenta de { $service }:
    .link = Establecer una contraseña nueva
password-changed =
    .subject = Su contraseña ha cambiado
    .lead = Ha cambiado la contraseña de su cuenta de { $service }, y se han cerrado todas las demás sesiones.
    .sms = { $service }: su contraseña ha cambiado. { sms-not-you }
password-was-reset =
    .subject = Tiene una contraseña nueva
    .lead = Se ha establecido una contraseña nueva para su cuenta de { $service } con un enlace de un correo, y se han cerrado todas las sesiones.
    .sms = { $service }: hay una nueva contraseña para su cuenta. { sms-not-you }
password-removed =
    .subject = Se ha eliminado su contraseña
    .lead = Se ha eliminado la contraseña de su cuenta de { $service } con una llave de acceso, y se han cerrado todas las demás sesiones. A partir de ahora inicia sesión con una llave de acceso.
    .sms = { $service }: se ha eliminado su contraseña. { sms-not-you }
password-set =
    .subject = Su cuenta tiene contraseña
    .lead = Se ha establecido una contraseña para su cuenta de { $service }, que no tenía ninguna. Sus llaves de acceso se mantienen.
    .sms = { $service }: su cuenta tiene ahora una contraseña. { sms-not-you }
username-changed =
    .subject = Su nombre de usuario ha cambiado
    .lead = Ha cambiado el nombre de usuario de su cuenta de { $service }. Con el anterior ya no puede iniciar sesión.
    .sms = { $service }: su nombre de usuario ha cambiado. { sms-not-you }
account-exists =
    .subject = Ya tiene una cuenta
    .lead = Ha habido un intento de registro con esta dirección en { $service }, quizá suyo. La dirección ya tiene una cuenta, y no se ha cambiado nada.
    .sms = { $service }: ha habido un intento de registro, pero usted ya tiene una cuenta.
unconfirmed-account =
    .subject = Establezca una contraseña para su cuenta
    .lead = Ha habido un intento de registro con esta dirección en { $service }. La dirección ya tiene una cuenta, que nunca se verificó. Con este enlace establece su contraseña, y la cuenta es solo suya:
    .link = Establecer una contraseña
registration-started =
    .subject = Configure su cuenta
    .lead = Se ha registrado una cuenta de { $service } con esta dirección. Con este enlace la configura, y es solo suya:
    .link = Configurar la cuenta
account-exported =
    .subject = Se han descargado sus datos
    .lead = Se han descargado todos los datos que { $service } guarda sobre su cuenta, en un dispositivo en el que tiene la sesión iniciada.
    .sms = { $service }: se han descargado todos los datos de su cuenta. { sms-not-you }
account-deleted =
    .subject = Su cuenta se ha eliminado
    .lead = Su cuenta de { $service } se ha eliminado, con todo lo que le pertenecía.
    .sms = { $service }: su cuenta se ha eliminado.
invitation =
    .subject = Su cuenta de { $service }
    .lead = En { $service } hay una cuenta para usted. Con este enlace establece su contraseña, o una llave de acceso en su lugar:
    .link = Configurar la cuenta
second-factors-reset =
    .subject = Se han eliminado sus segundos factores
    .lead = Un administrador de { $service } ha eliminado todos los segundos factores y códigos de recuperación de su cuenta, y ha cerrado todas sus sesiones. Configurará otros nuevos la próxima vez que inicie sesión.
    .sms = { $service }: se han eliminado todos los segundos factores de su cuenta. { sms-not-you }
webhook-created =
    .subject = Hay un nuevo webhook
    .lead = { $by ->
        [operator] En la línea de órdenes de { $service } se ha creado un webhook
       *[administrator] Con la cuenta { $author } se ha creado un webhook de { $service }
    } que lleva a { $site }. A partir de ahora se comunica allí lo que ocurre con las cuentas{ $addresses ->
        [included] , con las direcciones y los nombres de los usuarios.
       *[none] .
    }
    .sms = { $service }: se ha creado un webhook que lleva a { $site }.
webhook-url-changed =
    .subject = Un webhook tiene otra URL
    .lead = { $by ->
        [operator] En la línea de órdenes de { $service } se ha cambiado la URL de un webhook
       *[administrator] Con la cuenta { $author } se ha cambiado la URL de un webhook de { $service }
    }. Ahora lleva a { $site }, donde se comunica lo que ocurre con las cuentas.
    .sms = { $service }: se ha cambiado la URL de un webhook, ahora lleva a { $site }.
webhook-addresses-included =
    .subject = Un webhook recibe las direcciones de los usuarios
    .lead = { $by ->
        [operator] En la línea de órdenes de { $service } se ha modificado un webhook
       *[administrator] Con la cuenta { $author } se ha modificado un webhook de { $service }
    } que lleva a { $site }. A partir de ahora, sus mensajes contienen las direcciones y los nombres de los usuarios.
    .sms = { $service }: el webhook que lleva a { $site } recibe las direcciones de los usuarios.
webhook-secret-rotated =
    .subject = Un webhook tiene un secreto nuevo
    .lead = { $by ->
        [operator] En la línea de órdenes de { $service } se ha creado un secreto nuevo
       *[administrator] Con la cuenta { $author } de { $service } se ha creado un secreto nuevo
    } para el webhook que lleva a { $site }. Con él se pueden firmar mensajes que su receptor considera auténticos.
    .sms = { $service }: el webhook que lleva a { $site } tiene un secreto nuevo.
webhook-deleted =
    .subject = Se ha eliminado un webhook
    .lead = { $by ->
        [operator] En la línea de órdenes de { $service } se ha eliminado un webhook
       *[administrator] Con la cuenta { $author } se ha eliminado un webhook de { $service }
    } que llevaba a { $site }. También se han eliminado los mensajes que aún debían enviarse allí.
    .sms = { $service }: se ha eliminado el webhook que llevaba a { $site }.
administrator-changed =
    .subject = { $change ->
        [granted] Hay otro administrador
        [enabled] Se ha vuelto a activar un administrador
        [disabled] Se ha desactivado un administrador
        [deleted] Se ha eliminado un administrador
       *[revoked] Un administrador ha perdido su rol
    }
    .lead = { $by ->
        [operator] En la línea de órdenes de { $service }
       *[administrator] Con la cuenta { $author } de { $service }
    } { $change ->
        [granted] se ha dado el rol de administrador a la cuenta { $account }.
        [enabled] se ha vuelto a activar la cuenta de administrador { $account }.
        [disabled] se ha desactivado la cuenta de administrador { $account }.
        [deleted] se ha eliminado la cuenta de administrador { $account }.
       *[revoked] se ha quitado el rol de administrador a la cuenta { $account }.
    }
    .sms = { $service }: se ha modificado la cuenta de administrador { $account }.

minutes = { $minutes ->
        [one] un minuto
       *[other] { $minutes } minutos
    }
sms-not-you = ¿No ha sido usted? Cambie su contraseña.

lasts = El código es válido durante { minutes } y funciona una sola vez.
never-share = No lo comparta nunca, aunque se lo pidan en nombre de { $service }: nosotros no lo pedimos nunca.
code-not-you = Si no ha pedido ningún código, puede que un atacante conozca su contraseña: cámbiela. Sin este código no puede iniciar sesión.
confirmation-not-you = Si no lo ha pedido, ignore este mensaje: no pasa nada sin el código.
link-lasts = El enlace es válido durante { minutes } y funciona una sola vez.
never-forward = No reenvíe nunca este correo: el enlace también funciona para la persona que lo reciba.
link-not-you = Si no lo ha pedido, ignore este mensaje: no cambia nada sin el enlace.
verification-not-you = Si no conoce { $service }, ignore este mensaje y no confirme: seguramente alguna persona escribió mal su dirección.
email-change-not-you = Si no es usted, ignore este mensaje y no confirme: de lo contrario, una cuenta que no es suya tendrá su dirección.
email-change-requested-advice = Si ha sido usted, no tiene que hacer nada. Si no, use el enlace, cambie enseguida su contraseña y revise sus segundos factores.
account-exists-advice = Si ha sido usted, inicie sesión, o establezca una contraseña nueva si ha olvidado la suya. Si no, no tiene que hacer nada.
unconfirmed-account-not-you = Si no ha sido usted, no tiene que hacer nada: la cuenta no se puede confirmar sin este buzón.
disabled-advice = Estos ataques suelen dirigirse a muchas cuentas. Elija una contraseña que no use en ningún otro sitio.
repeated = En los diez minutos siguientes a nuestro último mensaje sobre esto, ha ocurrido { $repeats } veces más. Los detalles de arriba son los de la última vez.
notice-not-you = Si no ha sido usted, cambie enseguida su contraseña, cierre las sesiones que no reconozca y revise sus segundos factores.
invitation-lasts = El enlace es válido durante { $hours } horas y funciona una sola vez. Después, pida otra invitación a los responsables de { $service }.
invitation-not-you = Si no conoce { $service }, ignore este mensaje: la cuenta no se puede usar sin el enlace.
second-factors-reset-advice = Inicie sesión pronto: hasta entonces, basta con su contraseña o con un enlace de un correo para configurar otros nuevos.
second-factors-reset-not-you = Si no lo ha pedido, cambie enseguida su contraseña y avise a los responsables de { $service }.
webhook-not-meant = Recibe este correo porque es administrador. Si ningún administrador quería hacer esto, desactive o elimine el webhook, cierre las sesiones de la cuenta que lo hizo y revise sus segundos factores.
administrator-not-meant = Recibe este correo porque es administrador, o lo era hasta ahora. Si ningún administrador quería hacer esto, cierre las sesiones de la cuenta que lo hizo, revise sus segundos factores y haga que el operador del servidor deshaga el cambio.

when = Cuándo
address = Desde la dirección
browser = Con
unknown = desconocido
program-unknown = un programa desconocido
program-app = una aplicación
program-on-system = { $program } en { $system }
automatic = { $service } ha enviado este mensaje automáticamente; las respuestas no se leen.
